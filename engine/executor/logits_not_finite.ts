/**
 * What ends a request whose logits are not finite.
 *
 * @module
 */
import { UpbeatError } from "../../errors.ts";
import type { Request } from "../scheduler/request.ts";

/**
 * The error of a request for whose next token the model gives no probabilities.
 *
 * @param request The request.
 * @returns `LOGITS_NOT_FINITE`, naming the token's position in the sequence.
 */
export function logitsNotFinite({ id, totalTokens, tokenIds }: Request): UpbeatError {
  return new UpbeatError(
    "LOGITS_NOT_FINITE",
    `the model computed no finite logit for the token at position ${totalTokens} (output token ${
      tokenIds.length + 1
    }): ` +
      "its weights contain NaN or Inf that this prompt reaches, or its activations overflow",
    { requestId: id, position: totalTokens },
  );
}
