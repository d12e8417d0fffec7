/**
 * What can go wrong with a file, as types. All derive from {@link LmcError}, and have a `code` that survives the way
 * from a worker to the page, where prototypes do not.
 */

/** Root of all errors that are caused by input. */
export class LmcError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }

  /** @type {string} Name of the class. */
  get code() {
    return this.name;
  }
}

/** The first bytes are not those of an `.lmc` file. */
export class BadMagicError extends LmcError {}

/** The file uses a version or a feature that this program does not know. */
export class UnsupportedVersionError extends LmcError {}

/** The file ends before its header says. */
export class TruncatedError extends LmcError {}

/** A checksum does not match: bytes were changed. */
export class ChecksumError extends LmcError {}

/** A field is out of range, or a stream contradicts itself. */
export class CorruptError extends LmcError {}

/** The file asks for more than the limits in force allow. */
export class LimitError extends LmcError {}

/** The model a file names is not available, or its files are damaged. */
export class ModelError extends LmcError {}

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
  const Kind = KINDS.find((kind) => kind.name === code);
  return Kind ? new Kind(message) : new Error(message);
}
