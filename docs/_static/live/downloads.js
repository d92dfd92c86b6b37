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
   * @param {string | undefined} digest SHA-256 of the manifest, which the page knows
   * @param {(progress: {phase: string, loaded: number, total: number}) => void} report called as bytes arrive
   */
  constructor(runtime, digest, report) {
    this.runtime = runtime;
    this.report = report;
    this.loaded = 0;
    this.total = 0;
    this.kept = [];
    // There is no such store where the site is served without TLS. Then the browser's ordinary cache must do.
    this.cache = globalThis.caches?.open(CACHE).catch(() => undefined);
    /** The list of files. The others are asked for before it is here, and held against it at their end. */
    this.manifest = this.list(digest);
  }

  /** Load the list of files. */
  async list(digest) {
    const manifest = JSON.parse(new TextDecoder().decode(await this.read("manifest.json", digest)));
    const first = Object.entries(manifest.files).filter(([name]) => name !== "plain.bin" && !(name in manifest.later));
    this.total = first.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    return manifest;
  }

  /** Load a file and unpack it. */
  async bytes(name) {
    return this.read(name, this.digest(name), { decoder: new DecompressionStream("gzip") });
  }

  /** Give a file as it is, as a stream. */
  async packed(name) {
    return this.stream(name, this.digest(name));
  }

  /** Load a file of those that nobody waits for, and give it as it is. */
  async whole(name) {
    return this.read(name, this.digest(name), { isAside: true });
  }

  /** Tell whether the browser has kept a file from an earlier visit. */
  async isKept(name) {
    const cache = await this.cache;
    return Boolean(await cache?.match(this.address(name)).catch(() => undefined));
  }

  /**
   * Load a file while everything else stands still, and give it as it is. What reads it has to notice damage itself:
   * a digest can't be computed at once.
   */
  now(name) {
    const request = new XMLHttpRequest();
    request.open("GET", this.address(name), false);
    request.responseType = "arraybuffer";
    try {
      request.send();
    } catch (error) {
      throw new LoadError(unreachable(name), { cause: error });
    }
    if (request.status !== 200) throw new LoadError(refused(name, request.status));
    const content = new Uint8Array(request.response);
    this.digest(name).then(async (digest) => (await isIntact(content, digest)) && this.keep(this.address(name), content));
    return content;
  }

  /** Have the browser keep a file for the next visit. */
  keep(address, content) {
    const put = async () => (await this.cache)?.put(address, new Response(content));
    this.kept.push(put().catch(() => undefined));
  }

  address(name) {
    return new URL(name, this.runtime).href;
  }

  /** Tell a file's SHA-256. */
  async digest(name) {
    return (await this.manifest).files[name].sha256;
  }

  /** Load a file to its end, through a decoder if there is one. */
  async read(name, digest, { decoder, isAside } = {}) {
    const stream = await this.stream(name, digest, isAside);
    try {
      const response = new Response(decoder ? stream.pipeThrough(decoder) : stream);
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw new LoadError(damaged(name), { cause: error });
    }
  }

  /** Load compressed machine code, and compile it while it arrives. */
  async module(name) {
    const stream = await this.stream(name, this.digest(name));
    const unpacked = stream.pipeThrough(new DecompressionStream("gzip"));
    const response = new Response(unpacked, { headers: { "Content-Type": "application/wasm" } });
    try {
      return await WebAssembly.compileStreaming(response);
    } catch (error) {
      throw new LoadError(damaged(name), { cause: error });
    }
  }

  /**
   * Give a file as a stream that fails at its end if the file isn't the one that the manifest describes.
   * @param {string} name
   * @param {string | Promise<string> | undefined} digest its SHA-256
   * @param {boolean} isAside whether it doesn't count as progress
   */
  async stream(name, digest, isAside = false) {
    const address = this.address(name);
    const cache = await this.cache;
    const kept = await cache?.match(address).catch(() => undefined);
    let response = kept;
    if (!response) {
      try {
        response = await fetch(address);
      } catch (error) {
        throw new LoadError(unreachable(name), { cause: error });
      }
      if (!response.ok) throw new LoadError(refused(name, response.status));
    }
    const chunks = [];
    const check = {
      transform: (chunk, controller) => {
        chunks.push(chunk);
        if (!isAside) this.loaded += chunk.length;
        if (!isAside && this.total) this.report({ phase: "download", loaded: this.loaded, total: this.total });
        controller.enqueue(chunk);
      },
      flush: async () => {
        const content = joined(chunks);
        if (!(await isIntact(content, await digest))) {
          await cache?.delete(address);
          throw new LoadError(damaged(name));
        }
        // Whoever reads the stream need not wait for that.
        if (!kept) this.keep(address, content);
      },
    };
    // Without a limit, so that a file goes on arriving while nobody reads it yet.
    return response.body.pipeThrough(new TransformStream(check, undefined, { highWaterMark: Infinity }));
  }

  /** Wait until the browser keeps what was loaded, and has let go of the files of earlier releases of the site. */
  async settled() {
    await Promise.all(this.kept);
    const cache = await this.cache;
    const base = new URL("..", this.runtime).href;
    for (const request of (await cache?.keys()) ?? []) {
      if (request.url.startsWith(base) && !request.url.startsWith(this.runtime)) await cache.delete(request);
    }
  }
}

const unreachable = (name) => `The file ${name} can't be loaded. Are you offline?`;
const refused = (name, status) => `The file ${name} can't be loaded: the server says ${status}.`;
export const damaged = (name) => `The file ${name} is damaged. Load the page again; if that doesn't help, tell the site's owner.`;

/** Make one array of several. */
function joined(chunks) {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const chunk of chunks) {
    whole.set(chunk, position);
    position += chunk.length;
  }
  return whole;
}

/** Compare a file with its digest, where there is one and the browser can compute it. */
async function isIntact(content, digest) {
  if (!digest || !globalThis.crypto?.subtle) return true;
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("") === digest;
}
