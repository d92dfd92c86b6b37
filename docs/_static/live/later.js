/**
 * Files that are there for Python from the start, and whose contents come when the first of them is opened.
 *
 * Most cells need none of them, because what they import is in Python's memory already. So nobody waits for them: they
 * are loaded once the first cell has run. Should a cell open one before, Python can't wait for a promise; then they are
 * loaded while it stands still.
 */
import { makeFolders } from "./archive.js";
import { unzstdNow } from "./zstd.js";

export class Later {
  #emscripten;
  #nodes;
  #size;
  #load;
  #fail;
  #packed;

  /**
   * @param emscripten Pyodide's Emscripten module
   * @param {[string, number][]} index the files' paths, and their sizes in bytes
   * @param {() => Uint8Array} load gives the packed contents at once
   * @param {(error: Error) => void} fail is told why the contents can't be had; Python learns only that a file can't be read
   */
  constructor(emscripten, index, load, fail) {
    this.#emscripten = emscripten;
    this.#load = load;
    this.#fail = fail;
    this.#size = index.reduce((sum, [, size]) => sum + size, 0);
    makeFolders(
      emscripten.FS,
      index.map(([path]) => path),
    );
    this.#nodes = index.map(([path, size]) => this.#node(path, size));
  }

  /** Take the packed contents, which have been loaded in the meantime. */
  take(packed) {
    this.#packed = packed;
  }

  #node(path, size) {
    const node = this.#emscripten.FS.create(path, 0o644);
    node.usedBytes = size; // what Python is told of it
    const { contents: nothing, stream_ops: own } = node;
    node.stream_ops = {
      ...own,
      open: (stream) => {
        this.#fill();
        stream.stream_ops = own;
      },
    };
    return { node, size, nothing, own };
  }

  /** Give all files their contents. */
  #fill() {
    const { FS } = this.#emscripten;
    let contents;
    try {
      contents = unzstdNow(this.#emscripten, this.#packed ?? this.#load(), this.#size);
    } catch (error) {
      this.#fail(error);
      throw new FS.ErrnoError(29); // EIO, “I/O error”
    }
    let position = 0;
    for (const { node, size, nothing, own } of this.#nodes) {
      // A file that was written anew in the meantime stays as it is.
      if (node.contents === nothing && node.usedBytes === size) {
        node.contents = contents.subarray(position, position + size);
      }
      node.stream_ops = own;
      position += size;
    }
    this.#packed = undefined;
  }
}
