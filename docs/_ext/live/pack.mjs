/**
 * Packs Python for the reader's browser. Runs in Node, when the site is built: node pack.mjs JOB.json
 *
 * The job, which live/browser.py writes, names the folder of Pyodide's npm package, an archive of sources, what to run
 * in Pyodide, and the folder in which the result is put. Python's sources are compiled with Pyodide's own Python.
 * Then a second interpreter imports what notebooks use, and its memory is kept: a reader's browser continues
 * from there.
 */
import node, { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { pack, unpack } from "../../_static/live/archive.js";

// Node would show the line that failed, which may be a megabyte of Pyodide.
process.on("uncaughtException", (error) => {
  console.error(error.stack.slice(0, 5000));
  process.exit(1);
});

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
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

/** Import what notebooks use. Return the memory, and the files that are not in it. */
async function warmed(standard, files) {
  const archive = join(job.work, "standard.zip");
  writeFileSync(archive, standard);
  const pyodide = await interpreter(pack(files), {}, { _makeSnapshot: true, stdLibURL: archive });
  pyodide.runPython(job.setUp);
  pyodide.runPython(job.warmUp);
  pyodide.runPython(job.tidy);
  const imported = new Set(JSON.parse(pyodide.runPython("tidied()")));
  const listed = new RegExp(job.listed);
  const later = new Map([...files].filter(([path]) => !imported.has(path) || listed.test(path)));
  const memory = pyodide.makeMemorySnapshot();
  return { memory, later, build: pyodide._api.config.BUILD_ID };
}

const written = {};
/** Write a file of the result. Its name never tells a web server that it is compressed, so that none unpacks it. */
function write(name, bytes) {
  writeFileSync(join(job.out, name), bytes);
  written[name] = { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
const zipped = (bytes) => gzipSync(bytes, { level: 9, memLevel: 9 });

/** Cut the zeros off the end of a memory, which Python has never used. */
function used(memory) {
  let end = memory.length;
  while (end && !memory[end - 1]) end -= 1;
  return memory.subarray(0, Math.ceil(end / 16) * 16);
}

const { standard, files } = await compiled();
const { memory, later, build } = await warmed(standard, files);
const packages = new Map([...files].filter(([path]) => !/^\/lib\/python[\d.]+\/(?!site-packages)/.test(path)));
write("pyodide.asm.js", read(job.pyodide, "pyodide.asm.mjs"));
write("pyodide.wasm.bin", zipped(read(job.pyodide, "pyodide.asm.wasm")));
const level = { params: { [constants.ZSTD_c_compressionLevel]: 19 } };
write("memory.bin", zstdCompressSync(used(memory), level));
write("later.bin", zipped(pack(later)));
write("plain.bin", zipped(pack(new Map([...packages, [job.standard, standard]]))));
writeFileSync(join(job.work, "result.json"), JSON.stringify({ files: written, build, memory: used(memory).length, heap: memory.length }));
