/**
 * SentencePiece's BPE as merges of pairs: a SentencePiece model has scores for pieces instead of a list of merges.
 *
 * Of all neighbouring symbols whose concatenation is a piece, the pair with the highest score of that piece merges first, the
 * leftmost on a tie ("SentencePiece", Kudo and Richardson 2018; `bpe_model.cc`). So every division of a piece into two pieces
 * is a merge whose rank is that of the piece's score, equal ranks included.
 *
 * @module
 */

/** Merges in the order of their ranks. */
export interface RankedMerges {
  /** Pairs of tokens. */
  readonly merges: readonly (readonly [left: string, right: string])[];
  /** The rank of each, ascending; equal for equal scores. */
  readonly ranks: Int32Array;
}

/** Longer pieces are never merged; no vocabulary has words of this length. */
const MAX_PIECE_CHARACTERS = 256;

/** The most characters of all pieces together: four times those of the largest vocabularies. */
const MAX_CHARACTERS = 8_000_000;

/**
 * List the merges of a vocabulary.
 *
 * @param pieces Pieces that texts may be divided into, with their scores.
 * @param most The most merges; a vocabulary with more has been made to be slow.
 * @returns The merges; null when there are more, or the pieces are longer than any model's.
 */
export function pieceMerges(pieces: ReadonlyMap<string, number>, most: number): RankedMerges | null {
  const found: { readonly score: number; readonly pair: readonly [string, string] }[] = [];
  let characters = 0;
  for (const [piece, score] of pieces) {
    if ((characters += piece.length) > MAX_CHARACTERS) return null;
    if (piece.length > MAX_PIECE_CHARACTERS) continue;
    for (let at = 1; at < piece.length; at++) {
      if (isLowSurrogate(piece.charCodeAt(at))) continue;
      const [left, right] = [piece.slice(0, at), piece.slice(at)];
      if (pieces.has(left) && pieces.has(right)) found.push({ score, pair: [left, right] });
    }
    if (found.length > most) return null;
  }
  found.sort((a, b) => b.score - a.score);
  const ranks = new Int32Array(found.length);
  for (let index = 1; index < found.length; index++) {
    ranks[index] = ranks[index - 1]! + (found[index]!.score === found[index - 1]!.score ? 0 : 1);
  }
  return { merges: found.map(({ pair }) => pair), ranks };
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
