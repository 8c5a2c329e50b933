// Errors that no second try would mend.

/// An error about what was given: reading the same input again ends the same way. A stage that meets one
/// while it reads its input refuses the job instead of asking for a retry.
///
/// An error type conforms in its own module. Whether an error of such a type is one of the input is the
/// reader's to say: a file that cannot be written for want of room is a `FileError`, too.
package protocol BadInput: Error {}
