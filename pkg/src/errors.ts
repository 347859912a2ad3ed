/**
 * The one error class of the package, and its closed list of codes.
 *
 * An abort is not in the list: an aborted call rejects with the reason of its signal, which is a
 * `DOMException` named `AbortError` unless the caller gave another one.
 */

/** Every code that an {@link OneFlowError} can have. The README's table explains each. */
export const ERROR_CODES = [
  "invalid-option",
  "invalid-prompt",
  "invalid-manifest",
  "integrity",
  "invalid-model",
  "invalid-snapshot",
  "model-not-found",
  "network",
  "unsupported",
  "busy",
  "closed",
  "version-mismatch",
  "out-of-memory",
  "device-lost",
  "internal",
] as const;

/** What went wrong, in a form that a program can compare. */
export type OneFlowErrorCode = (typeof ERROR_CODES)[number];

/** Where the same call may succeed later, for `device-lost` after another `load`. */
const RETRYABLE: readonly OneFlowErrorCode[] = ["network", "busy", "device-lost"];

/** Whatever this package throws that is not an abort. */
export class OneFlowError extends Error {
  override readonly name = "OneFlowError";

  /** What went wrong, from a closed list. */
  readonly code: OneFlowErrorCode;

  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean;

  constructor(
    code: OneFlowErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.includes(code);
  }
}

/** Turns whatever the engine threw into an {@link OneFlowError}; one that is one already stays. */
export function errorFromThrown(thrown: unknown): OneFlowError {
  if (thrown instanceof OneFlowError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  if (isCode(code)) return new OneFlowError(code, message, { cause: thrown });
  if (thrown instanceof RangeError && /memory|alloc/i.test(message)) {
    return new OneFlowError(
      "out-of-memory",
      `the engine found no room (${message}): close other tabs or use a smaller model`,
      { cause: thrown },
    );
  }
  return new OneFlowError(
    "internal",
    `the engine stopped (${message}): load the model again, and report this with the seed`,
    { cause: thrown },
  );
}

/** An error in the form in which it crosses from the worker to the page. */
export interface ErrorRecord {
  code: OneFlowErrorCode;
  message: string;
  retryable: boolean;
  /** The message of the cause; the cause itself may not be cloneable. */
  cause: string | null;
}

export function recordFromError(thrown: unknown): ErrorRecord {
  const { code, message, retryable, cause } = errorFromThrown(thrown);
  return { code, message, retryable, cause: cause === undefined ? null : String(cause) };
}

export function errorFromRecord(record: ErrorRecord): OneFlowError {
  const { code, message, retryable, cause } = record;
  return cause === null
    ? new OneFlowError(code, message, { retryable })
    : new OneFlowError(code, message, { retryable, cause: new Error(cause) });
}

function isCode(code: unknown): code is OneFlowErrorCode {
  return (ERROR_CODES as readonly unknown[]).includes(code);
}
