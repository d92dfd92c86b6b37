/**
 * Folds an interpreter's memory so that it compresses better, and unfolds it again. It is a fifth smaller that way.
 *
 * Two things fill a memory with numbers that no compressor can guess. What the machine code brings with it anyway, its
 * tables and texts, needn't be sent twice: here each word is the difference from the one that stands there before
 * Python starts. And objects that were made one after the other point at each other: where a word is the address of a
 * place nearby, it is written as the distance, which is the same small number again and again.
 */

/** How far away, in bytes, is nearby. */
const NEAR = 1 << 12;

/** Words from here on, which are rare, stand for distances; in return, they are written as the addresses nearby. */
const DISTANCES = 0xe0000000;

/** Swap addresses near a place with distances. To do so twice is to do nothing. */
function swapped(word, place) {
  const distance = (word - place + NEAR) >>> 0;
  if (distance < 2 * NEAR) return DISTANCES + distance;
  const address = (word - DISTANCES) >>> 0;
  return address < 2 * NEAR ? address + place - NEAR : word;
}

/**
 * Fold a memory in place.
 * @param {Uint32Array} memory
 * @param {Uint32Array} initial what stands at its beginning before Python starts
 */
export function fold(memory, initial) {
  for (let at = 0; at < memory.length; at += 1) memory[at] = swapped(memory[at] - (initial[at] ?? 0), 4 * at);
}

/**
 * Unfold a part of a memory in place.
 * @param {Uint32Array} memory
 * @param {Uint32Array} initial as for {@link fold}
 * @param {number} from its first word
 * @param {number} to the word after its last one
 */
export function unfold(memory, initial, from, to) {
  const middle = Math.min(Math.max(from, initial.length), to);
  for (let at = from; at < middle; at += 1) memory[at] = swapped(memory[at], 4 * at) + initial[at];
  for (let at = middle; at < to; at += 1) memory[at] = swapped(memory[at], 4 * at);
}
