/**
 * Packs Python for the reader's browser. Runs in Node, when the site is built: node pack.mjs JOB.json
 *
 * The job, which live/browser.py writes, names the folder of Pyodide's npm package, an archive of sources, what to run
 * in Pyodide, and the folder in which the result is put. Python's sources are compiled with Pyodide's own Python.
 * Then a second interpreter imports what notebooks use, and its memory is kept: a reader's browser continues
 * from there.
 */
import node from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { entries, pack, unpack } from "../../_static/live/archive.js";
import { fold } from "../../_static/live/memory.js";

// Node would show the line that failed, which may be a megabyte of Pyodide.
process.on("uncaughtException", (error) => {
  console.error(error.stack.slice(0, 5000));
  process.exit(1);
});

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
// Python remembers what has started it, and every reader could see where that was.
process.argv[1] = "./this.program";
const { loadPyodide } = await import(pathToFileURL(join(job.pyodide, "pyodide.mjs")));
const read = (...path) => new Uint8Array(readFileSync(join(...path)));

/**
 * Stop the clock, and load the dice. The same content is to give the same bytes, whenever and wherever it is packed: so
 * a clock ticks by the number of looks at it. A reader's browser has a clock and dice of its own.
 */
function holdStill() {
  let looks = 0;
  let dice = 0;
  Date.now = () => Date.UTC(2026, 0, 1) + (looks += 1) / 1000;
  performance.now = () => (looks += 1) / 1000;
  node.randomFillSync = (view) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let i = 0; i < bytes.length; i += 1) {
      dice = (Math.imul(dice, 1103515245) + 12345) >>> 0;
      bytes[i] = dice >>> 16;
    }
    return view;
  };
}

/** Start an interpreter with the files of an archive in it, and more environment variables if need be. */
async function interpreter(archive, variables = {}, options = {}) {
  const env = { HOME: "/home/pyodide", ...job.environment, ...variables };
  holdStill();
  const pyodide = await loadPyodide({ indexURL: job.pyodide, env, ...options });
  // Not before it starts: it would look at each package, and remember all of them outside of its memory.
  unpack(pyodide.FS, archive);
  return pyodide;
}

/**
 * Compile all sources, without the columns that tracebacks mark in a line: they are a twelfth of the download. Return
 * the standard library as a zip archive to start with, and all files by their paths.
 */
async function compiled() {
  const pyodide = await interpreter(read(job.work, "sources"), { PYTHONNODEBUGRANGES: "1" });
  pyodide.runPython(job.compile);
  const standard = pyodide.runPython(`standard(${JSON.stringify(job.standardLeftOut)})`).toJs();
  const paths = JSON.parse(pyodide.runPython("packages()"));
  return { standard, files: new Map(paths.map((path) => [path, pyodide.FS.readFile(path)])) };
}

/** Have the next memory noted as its machine code brings it, before anything runs. Return a function that gives it. */
function noteInitial() {
  const instantiate = WebAssembly.instantiate;
  let initial;
  WebAssembly.instantiate = async (module, imports) => {
    const made = await instantiate(module, imports);
    const { memory } = (made.instance ?? made).exports;
    if (memory) initial = new Uint8Array(memory.buffer.slice(0));
    return made;
  };
  return () => {
    WebAssembly.instantiate = instantiate;
    return initial;
  };
}

/**
 * Write zeros to all memory that Python has given back. What lies there is rubbish, but would be sent to every reader.
 * @param pyodide an interpreter that will not run any more
 */
function wipe({ _module: c }) {
  const end = used(c.HEAPU8).length;
  const blocks = [];
  for (let size = 1 << 16; size >= 8; size /= 2) {
    let block;
    while ((block = c._malloc(size - 4)) && block + size <= end) {
      c.HEAPU8.fill(0, block, block + size - 4);
      blocks.push(block);
    }
    c._free(block);
  }
  blocks.forEach((block) => c._free(block));
}

/** Import what notebooks use. Return the memory, and the files that are not in it. */
async function warmed(standard, files) {
  const archive = join(job.work, "standard.zip");
  writeFileSync(archive, standard);
  const initial = noteInitial();
  const pyodide = await interpreter(pack(files), {}, { _makeSnapshot: true, stdLibURL: archive });
  pyodide.runPython(job.setUp);
  pyodide.runPython(job.warmUp);
  pyodide.runPython(job.tidy);
  const atOnce = [...files.keys()].filter((path) => new RegExp(job.atOnce).test(path));
  const inMemory = new Set(JSON.parse(pyodide.runPython(`tidied(${JSON.stringify(atOnce)})`)));
  const listed = new RegExp(job.listed);
  const later = new Map([...files].filter(([path]) => !inMemory.has(path) || listed.test(path)));
  wipe(pyodide);
  const memory = pyodide.makeMemorySnapshot();
  return { memory, initial: used(initial()), later, build: pyodide._api.config.BUILD_ID };
}

/** Write a file of the result. Its name never tells a web server that it is compressed, so that none unpacks it. */
const write = (name, bytes) => writeFileSync(join(job.out, name), bytes);
const zipped = (bytes) => gzipSync(bytes, { level: 9, memLevel: 9 });

/**
 * Compress as well as can be.
 * @param {Uint8Array} bytes
 * @param {number} window how far to look back, as a power of 2. The reader's Python needs as much room to unpack.
 */
function squeezed(bytes, window) {
  const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_c_checksumFlag } = constants;
  const params = { [ZSTD_c_compressionLevel]: 22, [ZSTD_c_windowLog]: window, [ZSTD_c_checksumFlag]: 1 };
  return zstdCompressSync(bytes, { params });
}

/** Cut the zeros off the end of a memory, which Python has never used. */
function used(memory) {
  let end = memory.length;
  while (end && !memory[end - 1]) end -= 1;
  return memory.subarray(0, Math.ceil(end / 16) * 16);
}

/** Write the contents of an archive's files for later.js. Return their index. */
function writeLater(name, archive) {
  const files = [...entries(archive)];
  write(name, squeezed(Buffer.concat(files.map(([, bytes]) => bytes)), 23));
  return files.map(([path, bytes]) => [path, bytes.length]);
}

const { standard, files } = await compiled();
const { memory, initial, later, build } = await warmed(standard, files);
const packages = new Map([...files].filter(([path]) => !/^\/lib\/python[\d.]+\/(?!site-packages)/.test(path)));
write("pyodide.asm.js", read(job.pyodide, "pyodide.asm.mjs"));
const packed = used(memory).slice();
// Pyodide puts some facts in front of the memory, and says at which byte the memory itself begins.
const [, header] = new Uint32Array(packed.buffer, 0, 2);
fold(new Uint32Array(packed.buffer, header), new Uint32Array(initial.buffer, 0, initial.length / 4));
write("memory.bin", squeezed(packed, 25));
const index = { "later.bin": writeLater("later.bin", pack(later)) };
for (const name of job.extras) index[`${name}.bin`] = writeLater(`${name}.bin`, read(job.work, name));
write("plain.bin", zipped(pack(new Map([...packages, [job.standard, standard]]))));
const lengths = { memory: packed.length, header, initial: initial.length, heap: memory.length };
writeFileSync(join(job.work, "result.json"), JSON.stringify({ later: index, build, ...lengths }));
