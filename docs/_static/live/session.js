/** Python for a page: one Session is one fresh interpreter, in a worker of its own. */

/** A run was ended by Stop. */
export class StoppedError extends Error {
  constructor() {
    super("Stopped.");
    this.name = "StoppedError";
  }
}

export class Session {
  #worker;
  #address;
  #calls = new Map();
  #number = 0;
  #onOutput;
  #runtime;
  #digest;
  #onProgress;
  #stopped = false;

  /**
   * @param {string} runtimeUrl address of the folder of the runtime
   * @param {{onProgress?: (progress: {phase: string, loaded?: number, total?: number}) => void, digest?: string}} options
   *   digest: SHA-256 of the runtime's manifest
   */
  constructor(runtimeUrl, { onProgress = () => {}, digest } = {}) {
    this.#runtime = new URL(runtimeUrl, document.baseURI).href.replace(/\/?$/, "/");
    this.#onProgress = onProgress;
    this.#digest = digest;
  }

  /**
   * Start Python.
   * @returns {Promise<void>} resolves when it is ready; rejects with an Error whose message is a sentence for the reader
   */
  async start() {
    if (!globalThis.Worker || !globalThis.WebAssembly || !globalThis.DecompressionStream) {
      throw new Error("This browser is too old to run Python. Any browser of 2023 or newer can.");
    }
    // A worker from a blob: address has the page's Content-Security-Policy. One from a file would have the file's own.
    // Only what is imported when the worker runs counts as a script to that policy, and not as a worker.
    const worker = JSON.stringify(import.meta.resolve("./python.js"));
    const script = `import(${worker}).catch((error) => postMessage({ type: "loaded", error: String(error) }));`;
    this.#address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this.#worker = new Worker(this.#address, { type: "module", name: "Python" });
    const loaded = new Promise((resolve, reject) => this.#calls.set("loaded", { resolve, reject }));
    this.#worker.addEventListener("message", ({ data }) => this.#receive(data));
    this.#worker.addEventListener("error", ({ message }) => this.#fail(new Error(`Python has crashed: ${message}`)));
    try {
      await loaded.catch((error) => {
        throw new Error("The script that starts Python can't be loaded. Are you offline?", { cause: error });
      });
      await this.#call("start", { runtime: this.#runtime, digest: this.#digest });
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /**
   * Run a cell.
   * @param {{notebook?: string, label?: string, source: string, expected?: string | null}} cell
   * @param {(output: object) => void} onOutput takes each output, in the shape that nbformat gives it
   * @returns {Promise<{status: string, same: boolean | null, diff: string}>}
   */
  async run({ source, expected = null }, onOutput = () => {}) {
    this.#onOutput = onOutput;
    return this.#call("run", { source, expected });
  }

  /** Load what cells may need that run later, so that they run even without a connection. */
  async rest() {
    return this.#call("rest", {});
  }

  /** End the worker at once, whatever it does. A run that is under way rejects with StoppedError. */
  stop() {
    this.#stopped = true;
    this.#fail(new StoppedError());
    this.#end();
  }

  #call(type, request) {
    if (this.#stopped || !this.#worker) return Promise.reject(new StoppedError());
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ type, id, ...request });
    });
  }

  #receive({ type, id, value, error, cause, output, ...progress }) {
    if (type === "progress") this.#onProgress(progress);
    else if (type === "output") this.#onOutput?.(output);
    else {
      const call = this.#calls.get(id ?? type);
      this.#calls.delete(id ?? type);
      if (error === undefined) call?.resolve(value);
      else call?.reject(new Error(error, { cause }));
    }
  }

  #fail(error) {
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }

  #end() {
    this.#worker?.terminate();
    this.#worker = undefined;
    if (this.#address) URL.revokeObjectURL(this.#address);
  }
}
