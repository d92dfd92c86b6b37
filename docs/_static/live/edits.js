/**
 * Keeps the reader's edits: in the browser's storage, by page, notebook and cell, and in links.
 *
 * An edit remembers a digest of the published code that it changes. When the site publishes other code, the edit is
 * recognised as one of the former code and isn't put in its place.
 */

/** A link may unpack to this many characters of code; no cell comes near it. */
const LONGEST = 200_000;

/** What a link begins with, behind the page's address. */
export const PREFIX = "#live=";

/** What is wrong with a link, in a sentence for the reader. */
export class LinkError extends Error {}

/** Returns a short digest of published code, to see whether it has changed (32-bit FNV-1a). */
export function digest(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** The edits of one page. */
export class Edits {
  #prefix;

  constructor(path) {
    this.#prefix = `live:${path}:`;
  }

  /** Returns `{source, published, link}` or `null`; `link` is the fragment that the edit began with, if any. */
  get(notebook, label) {
    try {
      return JSON.parse(localStorage.getItem(this.#key(notebook, label)));
    } catch {
      return null;
    }
  }

  /** Stores an edit; returns whether that was possible. */
  set(notebook, label, edit) {
    try {
      localStorage.setItem(this.#key(notebook, label), JSON.stringify(edit));
      return true;
    } catch {
      return false;
    }
  }

  delete(notebook, label) {
    try {
      localStorage.removeItem(this.#key(notebook, label));
    } catch {
      // Nothing is stored.
    }
  }

  /** Removes the edits of the whole page, those of cells that the page no longer has included. */
  clear() {
    try {
      Object.keys(localStorage)
        .filter((key) => key.startsWith(this.#prefix))
        .forEach((key) => localStorage.removeItem(key));
    } catch {
      // Nothing is stored.
    }
  }

  #key(notebook, label) {
    return `${this.#prefix}${notebook}#${label}`;
  }
}

// -- Links ----------------------------------------------------------------------------------------------------

/**
 * Packs edits for a link.
 *
 * @param {object} content `{notebook, cell, edits: {label: {source, published}}}`
 * @returns {Promise<string>} a fragment
 */
export async function pack(content) {
  const packed = await through(new CompressionStream("deflate"), new TextEncoder().encode(JSON.stringify(content)));
  const letters = btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join(""));
  return PREFIX + letters.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Unpacks what {@link pack} made.
 *
 * @throws {LinkError} if the link is cut off, changed or none of ours
 */
export async function unpack(fragment) {
  let content;
  try {
    const letters = fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
    const packed = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
    // This form of compression ends with a checksum, so that a link that was cut off is noticed.
    const bytes = await through(new DecompressionStream("deflate"), packed);
    content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new LinkError("This link can't be read: it was cut off or changed on its way. Ask for it once more.");
  }
  if (!isContent(content)) {
    throw new LinkError("This link holds no code for this site. Ask for it once more.");
  }
  return content;
}

function isContent(content) {
  const isText = (value) => typeof value === "string";
  return (
    isText(content?.notebook) &&
    isText(content.cell) &&
    Object.values(content.edits ?? {}).every((edit) => isText(edit?.source) && isText(edit.published)) &&
    Object.keys(content.edits ?? {}).length > 0
  );
}

/** Sends bytes through a stream that changes them. */
async function through(stream, bytes) {
  const writer = stream.writable.getWriter();
  // What goes wrong here goes wrong for the reader below as well.
  writer.write(bytes).catch(() => {});
  writer.close().catch(() => {});
  const parts = [];
  let length = 0;
  for (const reader = stream.readable.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    parts.push(value);
    length += value.length;
    if (length > 4 * LONGEST) {
      throw new Error("too long");
    }
  }
  const whole = new Uint8Array(length);
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
