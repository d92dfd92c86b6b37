/**
 * Python, in a worker of the page. session.js starts it and speaks with it.
 *
 * Pyodide is started from three files: the machine code, a memory in which everything is imported already, and the
 * files that this memory doesn't hold. If the memory can't be used, one larger file takes the place of the latter
 * two, and Python starts and imports as anywhere.
 */
import { unpack } from "./archive.js";
import { Downloads } from "./downloads.js";
import { unzstd } from "./zstd.js";

// -- Pyodide ---------------------------------------------------------------------------------------------------------

/**
 * Tell where Python's machine code notes what calls functions whatever they take, as an index of HEAP32. Pyodide adds
 * that to its table of functions as it starts, in a form that Safari doesn't know; there, nothing is noted.
 */
function trampoline({ HEAP32, __PyRuntime, __PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET }) {
  return (__PyRuntime + HEAP32[__PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET >>> 2]) >>> 2;
}

/**
 * Start Pyodide: what its own loadPyodide() does, but from files that are here already.
 * @param createModule the default export of pyodide.asm.js
 * @param {{module: WebAssembly.Module, files: Uint8Array[], memory?: ReadableStream, manifest: object}} parts
 */
async function boot(createModule, { module, files, memory, manifest }) {
  const config = {
    jsglobals: globalThis,
    args: [],
    env: { HOME: "/home/pyodide", ...manifest.environment },
    packages: [],
    enableRunUntilComplete: true,
    checkAPIVersion: true,
    fullStdLib: false,
    BUILD_ID: manifest.build,
  };
  const api = {
    config,
    runtimeEnv: {
      IN_BROWSER: true,
      IN_BROWSER_MAIN_THREAD: false,
      IN_BROWSER_WEB_WORKER: true,
      IN_NODE: false,
      IN_NODE_COMMONJS: false,
      IN_NODE_ESM: false,
      IN_BUN: false,
      IN_DENO: false,
      IN_SAFARI: false,
      IN_SHELL: false,
      IN_WORKERD: false,
    },
  };
  const marker = Symbol("error");
  const emscripten = await createModule({
    API: api,
    noImageDecoding: true,
    noAudioDecoding: true,
    noInitialRun: memory !== undefined,
    print: (text) => console.log(text),
    printErr: (text) => console.warn(text),
    arguments: [],
    locateFile: (name) => {
      throw new Error(`Pyodide asks for ${name}, which isn't packed.`);
    },
    instantiateWasm: (imports, done) => {
      imports.env.Jsv_GetError_import = () => marker;
      imports.env.JsvError_Check = (value) => value === marker;
      WebAssembly.instantiate(module, imports).then((instance) => done(instance, module));
      return {};
    },
    preRun: [
      (early) => {
        const version = early.HEAPU32[early._Py_Version >>> 2];
        const [major, minor, micro] = [24, 16, 8].map((bits) => (version >>> bits) & 255);
        api.pyVersionTuple = [major, minor, micro];
        api.sitePackages = `/lib/python${major}.${minor}/site-packages`;
        early.FS.mkdirTree(api.sitePackages);
        early.FS.mkdirTree(`/lib/python${major}.${minor}/lib-dynload`);
        early.FS.mkdirTree(config.env.HOME);
        for (const archive of files) unpack(early.FS, archive);
        early.FS.chdir(config.env.HOME);
        Object.assign(early.ENV, config.env);
      },
    ],
  });
  let restored;
  if (memory !== undefined) {
    const unpacked = await unzstd(emscripten, memory, manifest.memory);
    postMessage({ type: "progress", phase: "start" });
    if (emscripten.HEAP8.length < manifest.heap) emscripten.growMemory(manifest.heap);
    const place = trampoline(emscripten);
    const own = emscripten.HEAP32[place];
    restored = api.restoreSnapshot(unpacked);
    emscripten.HEAP32[place] = own; // not that of the machine on which the memory was packed
  }
  const pyodide = api.finalizeBootstrap(restored);
  if (memory === undefined) api.sys.path.insert(0, "");
  api._pyodide.set_excepthook();
  api.initializeStreams(
    undefined,
    (text) => console.log(text),
    (text) => console.warn(text),
  );
  return pyodide;
}

// -- Start -----------------------------------------------------------------------------------------------------------

/** Load everything and start Python. */
async function start({ runtime, digest }) {
  const downloads = new Downloads(runtime, digest, (progress) => postMessage({ type: "progress", ...progress }));
  const script = import(new URL("pyodide.asm.js", runtime));
  const machine = downloads.module("pyodide.wasm.bin");
  const [later, memory] = [downloads.bytes("later.bin"), downloads.packed("memory.bin")];
  // Each is waited for in turn; meanwhile none may count as a rejection that nobody handles.
  for (const promise of [script, machine, later, memory]) promise.catch(() => {});
  const manifest = await downloads.manifest;
  const extras = Promise.all(manifest.extras.map((name) => downloads.bytes(name)));
  extras.catch(() => {});
  const createModule = (await script).default;
  const module = await machine;
  let pyodide;
  try {
    const parts = { module, files: [await later, ...(await extras)], memory: await memory, manifest };
    pyodide = await boot(createModule, parts);
  } catch (error) {
    console.warn("Python's packed memory can't be used, so Python starts from its files.", error);
    const files = [await downloads.bytes("plain.bin"), ...(await extras)];
    postMessage({ type: "progress", phase: "start" });
    pyodide = await boot(createModule, { module, files, manifest });
    pyodide.runPython(manifest.start);
  }
  const python = pyodide.pyimport("live.in_browser");
  python.begin((output) => postMessage({ type: "output", output: JSON.parse(output) }), manifest.folder);
  await downloads.settled();
  return python;
}

// -- Messages --------------------------------------------------------------------------------------------------------

let python;

const answers = {
  start: async (request) => {
    python = await start(request);
  },
  run: async ({ source, expected }) => JSON.parse(await python.run(source, expected ?? undefined)),
};

addEventListener("message", async ({ data: { type, id, ...request } }) => {
  try {
    postMessage({ type: "answer", id, value: await answers[type](request) });
  } catch (error) {
    postMessage({ type: "answer", id, error: error.sentence ?? String(error), cause: String(error.stack ?? error) });
  }
});
postMessage({ type: "loaded" });
