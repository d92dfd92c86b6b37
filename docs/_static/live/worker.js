/**
 * Python, in a worker of the page. session.js starts it and speaks with it.
 *
 * Pyodide is started from two files: the machine code, and a memory in which everything is imported already. What this
 * memory doesn't hold comes later. If the memory can't be used, a larger file takes the place of both, and Python
 * starts and imports as anywhere.
 */
import { unpack } from "./archive.js";
import { Downloads, LoadError, damaged } from "./downloads.js";
import { Later } from "./later.js";
import { unfold } from "./memory.js";
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
 * @param {{module: WebAssembly.Module, plain?: Uint8Array, memory?: ReadableStream, manifest: object}} parts
 *   Either the packed memory, or the archive of all files.
 * @param {(emscripten: object) => void} place puts more files into the file system
 */
async function boot(createModule, { module, plain, memory, manifest }, place) {
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
  let initial;
  let fail;
  const failed = new Promise((_, reject) => {
    fail = reject;
  });
  const made = createModule({
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
      WebAssembly.instantiate(module, imports).then((instance) => {
        initial = new Uint32Array(instance.exports.memory.buffer.slice(0, manifest.initial));
        done(instance, module);
      }, fail);
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
        if (plain) unpack(early.FS, plain);
        place(early);
        early.FS.chdir(config.env.HOME);
        Object.assign(early.ENV, config.env);
      },
    ],
  });
  // Emscripten would wait for ever for machine code that a browser can't take.
  const emscripten = await Promise.race([made, failed]);
  let restored;
  if (memory !== undefined) {
    let words = 0;
    const unpacked = await unzstd(emscripten, memory, manifest.memory, (sofar, written) => {
      const from = words;
      words = Math.max(0, (written - manifest.header) >> 2);
      unfold(new Uint32Array(sofar.buffer, manifest.header), initial, from, words);
    });
    postMessage({ type: "progress", phase: "start" });
    if (emscripten.HEAP8.length < manifest.heap) emscripten.growMemory(manifest.heap);
    const slot = trampoline(emscripten);
    const own = emscripten.HEAP32[slot];
    restored = api.restoreSnapshot(unpacked);
    emscripten.HEAP32[slot] = own; // not that of the machine on which the memory was packed
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

/** Load what is needed and start Python. */
async function start({ runtime, digest }) {
  downloads = new Downloads(runtime, digest, (progress) => postMessage({ type: "progress", ...progress }));
  const script = import(downloads.address("pyodide.asm.js"));
  const machine = downloads.module("pyodide.wasm.bin");
  const memory = downloads.packed("memory.bin");
  // Each is waited for in turn; meanwhile none may count as a rejection that nobody handles.
  for (const promise of [script, machine, memory]) promise.catch(() => {});
  const manifest = await downloads.manifest;
  const createModule = (await script).default;
  const module = await machine;
  let pyodide;
  try {
    const place = (emscripten) => placeLater(emscripten, Object.entries(manifest.later));
    pyodide = await boot(createModule, { module, memory: await memory, manifest }, place);
  } catch (error) {
    console.warn("Python's packed memory can't be used, so Python starts from its files.", error);
    const plain = await downloads.bytes("plain.bin");
    const others = Object.entries(manifest.later).filter(([name]) => name !== "later.bin");
    postMessage({ type: "progress", phase: "start" });
    pyodide = await boot(createModule, { module, plain, manifest }, (emscripten) => placeLater(emscripten, others));
    pyodide.runPython(manifest.start);
  }
  // What is kept from an earlier visit costs nothing, and is here then even without a connection.
  await loadLater(await kept([...later.keys()]));
  python = pyodide.pyimport("live.in_browser");
  python.begin((output) => postMessage({ type: "output", output: JSON.parse(output) }), manifest.folder);
}

let python;
let downloads;
let later; // by name, what waits for its contents

/** Put files into the file system whose contents come later. */
function placeLater(emscripten, archives) {
  later = new Map();
  for (const [name, index] of archives) {
    later.set(name, new Later(emscripten, index, () => loadNow(name), (error) => tell(name, error)));
  }
}

/** Say below the cell why files can't be had. */
function tell(name, error) {
  console.warn(error);
  const text = `${error instanceof LoadError ? error.sentence : damaged(name)}\n`;
  postMessage({ type: "output", output: { output_type: "stream", name: "stderr", text } });
}

/** Load the contents of files because a cell opens one of them, which can't wait. */
function loadNow(name) {
  const packed = downloads.now(name);
  later.delete(name);
  return packed;
}

/** Load the contents of files before a cell needs them. Should that fail, whoever opens one of them tries again. */
async function loadLater(names) {
  for (const name of names) {
    try {
      later.get(name).take(await downloads.whole(name));
      later.delete(name);
    } catch (error) {
      console.warn(error);
    }
  }
}

async function kept(names) {
  const found = await Promise.all(names.map((name) => downloads.isKept(name)));
  return names.filter((_, position) => found[position]);
}

/** Load what may be needed without a connection, and let go of earlier releases. */
async function rest() {
  await loadLater([...later.keys()]);
  await downloads.settled();
}

// -- Messages --------------------------------------------------------------------------------------------------------

let resting;

const answers = {
  start,
  run: async ({ source, expected }) => {
    // A cell that opened a file would stop its download, and wait for it.
    await resting;
    return JSON.parse(await python.run(source, expected ?? undefined));
  },
  rest: () => (resting ??= rest()),
};

addEventListener("message", async ({ data: { type, id, ...request } }) => {
  try {
    postMessage({ type: "answer", id, value: await answers[type](request) });
  } catch (error) {
    postMessage({ type: "answer", id, error: error.sentence ?? String(error), cause: String(error.stack ?? error) });
  }
});
postMessage({ type: "loaded" });
