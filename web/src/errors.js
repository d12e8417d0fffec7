/**
 * What can go wrong with a file, as types. All derive from {@link LmcError}, and have a `code` that survives the way
 * from a worker to the page, where prototypes do not.
 */

/** Root of all errors that are caused by input. */
export class LmcError extends Error {
  /** Name of the kind, written out: programs that make scripts smaller rename classes. */
  static code = "LmcError";

  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = /** @type {typeof LmcError} */ (this.constructor).code;
  }

  /** @type {string} Name of the kind. */
  get code() {
    return this.name;
  }
}

/** The first bytes are not those of an `.lmc` file. */
export class BadMagicError extends LmcError {
  static code = "BadMagicError";
}

/** The file uses a version or a feature that this program does not know. */
export class UnsupportedVersionError extends LmcError {
  static code = "UnsupportedVersionError";
}

/** The file ends before its header says. */
export class TruncatedError extends LmcError {
  static code = "TruncatedError";
}

/** A checksum does not match: bytes were changed. */
export class ChecksumError extends LmcError {
  static code = "ChecksumError";
}

/** A field is out of range, or a stream contradicts itself. */
export class CorruptError extends LmcError {
  static code = "CorruptError";
}

/** The file asks for more than the limits in force allow. */
export class LimitError extends LmcError {
  static code = "LimitError";
}

/** The model a file names is not available, or its files are damaged. */
export class ModelError extends LmcError {
  static code = "ModelError";
}

const KINDS = [
  BadMagicError, UnsupportedVersionError, TruncatedError, ChecksumError, CorruptError, LimitError, ModelError,
];

/**
 * An error as a plain object that can be posted between threads.
 *
 * @param {unknown} error
 * @returns {{code: string, message: string}}
 */
export function toPlain(error) {
  const known = error instanceof Error;
  return { code: known ? error.name : "Error", message: known ? error.message : String(error) };
}

/**
 * The error that {@link toPlain} was given.
 *
 * @param {{code: string, message: string}} plain
 * @returns {Error}
 */
export function fromPlain({ code, message }) {
  if (code === "AbortError") return new DOMException(message, "AbortError");
  const Kind = KINDS.find((kind) => kind.code === code);
  return Kind ? new Kind(message) : new Error(message);
}
