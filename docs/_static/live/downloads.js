/** The files of the runtime: loaded once, checked, and kept in the browser. */

/** Something that can't be loaded. Its message is a sentence for the reader. */
export class LoadError extends Error {
  get sentence() {
    return this.message;
  }
}

const CACHE = "live-runtime";

export class Downloads {
  /**
   * @param {string} runtime address of the folder of the runtime, with a slash at its end
   * @param {(progress: {phase: string, loaded: number, total: number}) => void} report called as bytes arrive
   */
  constructor(runtime, report) {
    this.runtime = runtime;
    this.report = report;
    this.loaded = 0;
    this.files = {};
    this.total = 0;
    // There is no such store where the site is served without TLS. Then the browser's ordinary cache must do.
    this.cache = globalThis.caches?.open(CACHE).catch(() => undefined);
  }

  /**
   * Load the list of files.
   * @param {string} [digest] its SHA-256, which the page knows
   */
  async manifest(digest) {
    const bytes = new Uint8Array(await new Response(await this.stream("manifest.json", digest)).arrayBuffer());
    const manifest = JSON.parse(new TextDecoder().decode(bytes));
    this.files = manifest.files;
    this.total = manifest.bytes;
    this.forget();
    return manifest;
  }

  /** Load a compressed file as bytes. */
  async bytes(name) {
    const stream = await this.stream(name, this.files[name].sha256);
    const unpacked = stream.pipeThrough(new DecompressionStream("gzip"));
    try {
      return new Uint8Array(await new Response(unpacked).arrayBuffer());
    } catch (error) {
      throw error instanceof LoadError ? error : new LoadError(damaged(name), { cause: error });
    }
  }

  /** Load compressed machine code, and compile it while it arrives. */
  async module(name) {
    const stream = await this.stream(name, this.files[name].sha256);
    const unpacked = stream.pipeThrough(new DecompressionStream("gzip"));
    const response = new Response(unpacked, { headers: { "Content-Type": "application/wasm" } });
    try {
      return await WebAssembly.compileStreaming(response);
    } catch (error) {
      throw error instanceof LoadError ? error : new LoadError(damaged(name), { cause: error });
    }
  }

  /**
   * Give a file as a stream that fails at its end if the file isn't the one that the manifest describes.
   * @param {string} name
   * @param {string} [digest] its SHA-256
   */
  async stream(name, digest) {
    const address = new URL(name, this.runtime).href;
    const cache = await this.cache;
    const kept = await cache?.match(address).catch(() => undefined);
    let response = kept;
    if (!response) {
      try {
        response = await fetch(address);
      } catch (error) {
        throw new LoadError(`The file ${name} can't be loaded. Are you offline?`, { cause: error });
      }
      if (!response.ok) throw new LoadError(`The file ${name} can't be loaded: the server says ${response.status}.`);
    }
    const chunks = [];
    const checked = new TransformStream({
      transform: (chunk, controller) => {
        chunks.push(chunk);
        this.loaded += chunk.length;
        if (this.total) this.report({ phase: "download", loaded: this.loaded, total: this.total });
        controller.enqueue(chunk);
      },
      flush: async () => {
        const content = new Blob(chunks);
        if (digest && !(await isIntact(content, digest))) {
          await cache?.delete(address);
          throw new LoadError(damaged(name));
        }
        if (!kept) await cache?.put(address, new Response(content)).catch(() => undefined);
      },
    });
    return response.body.pipeThrough(checked);
  }

  /** Let go of the files of earlier releases of the site. */
  async forget() {
    const cache = await this.cache;
    const base = new URL("..", this.runtime).href;
    for (const request of (await cache?.keys()) ?? []) {
      if (request.url.startsWith(base) && !request.url.startsWith(this.runtime)) await cache.delete(request);
    }
  }
}

const damaged = (name) => `The file ${name} is damaged. Load the page again; if that doesn't help, tell the site's owner.`;

/** Compare a file with its digest, where the browser can compute one. */
async function isIntact(content, digest) {
  if (!globalThis.crypto?.subtle) return true;
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", await content.arrayBuffer()));
  return Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("") === digest;
}
