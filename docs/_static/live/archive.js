/** The simplest archive of files: the length of an index, the index as JSON, and the files' contents. */

/**
 * Pack files.
 * @param {Map<string, Uint8Array>} files content by absolute path
 * @returns {Uint8Array}
 */
export function pack(files) {
  const entries = [...files].sort(([one], [other]) => (one < other ? -1 : 1));
  const index = new TextEncoder().encode(JSON.stringify(entries.map(([path, bytes]) => [path, bytes.length])));
  const size = entries.reduce((sum, [, bytes]) => sum + bytes.length, 4 + index.length);
  const packed = new Uint8Array(size);
  new DataView(packed.buffer).setUint32(0, index.length, true);
  packed.set(index, 4);
  let position = 4 + index.length;
  for (const [, bytes] of entries) {
    packed.set(bytes, position);
    position += bytes.length;
  }
  return packed;
}

/**
 * Unpack an archive into Emscripten's file system. Files share the archive's memory.
 * @param FS Emscripten's file system
 * @param {Uint8Array} packed the archive
 */
export function unpack(FS, packed) {
  const length = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(packed.subarray(4, 4 + length)));
  const made = new Set();
  let position = 4 + length;
  for (const [path, size] of index) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!made.has(folder)) {
      FS.mkdirTree(folder);
      made.add(folder);
    }
    FS.writeFile(path, packed.subarray(position, position + size), { canOwn: true });
    position += size;
  }
}
