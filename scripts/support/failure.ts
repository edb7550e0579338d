import process from "node:process";

/** A failure of a script, reported without a stack: its message names the fault and a remedy. */
export class Failure extends Error {
  /** The output of the failed program, shown above the message. */
  readonly log: string;

  /**
   * @param message One sentence.
   * @param log The output of the failed program.
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
 * @param body Returns the exit code; undefined is 0.
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
