import process from "node:process";

/** A script's failure that needs no stack: what is wrong and what to do. */
export class Failure extends Error {
  /** What the failed program wrote; shown below the message. */
  readonly log: string;

  /**
   * @param message One sentence.
   * @param log What the failed program wrote.
   */
  constructor(message: string, log = "") {
    super(message);
    this.name = "Failure";
    this.log = log;
  }
}

/**
 * Run a script's main function; a {@linkcode Failure} becomes its message and exit code 1.
 *
 * @param body Returns the exit code; nothing is 0.
 */
export async function main(body: () => Promise<number | void>): Promise<void> {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.log !== "") process.stderr.write(error.log.trimEnd() + "\n");
    process.stderr.write(`upbeat: ${error.message}\n`);
    process.exitCode = 1;
  }
}
