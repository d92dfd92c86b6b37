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
 * Give the files of an archive one by one, as paths and contents. They share the archive's memory.
 * @param {Uint8Array} packed the archive
 */
export function* entries(packed) {
  const length = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(packed.subarray(4, 4 + length)));
  let position = 4 + length;
  for (const [path, size] of index) {
    yield [path, packed.subarray(position, position + size)];
    position += size;
  }
}

/**
 * Make the folders of files in Emscripten's file system.
 * @param FS Emscripten's file system
 * @param {string[]} paths the files' absolute paths
 */
export function makeFolders(FS, paths) {
  for (const folder of new Set(paths.map((path) => path.slice(0, path.lastIndexOf("/"))))) FS.mkdirTree(folder);
}

/**
 * Unpack an archive into Emscripten's file system. Files share the archive's memory.
 * @param FS Emscripten's file system
 * @param {Uint8Array} packed the archive
 */
export function unpack(FS, packed) {
  const files = [...entries(packed)];
  makeFolders(
    FS,
    files.map(([path]) => path),
  );
  for (const [path, bytes] of files) FS.writeFile(path, bytes, { canOwn: true });
}
