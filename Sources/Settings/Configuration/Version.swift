/// The version of this software, as runs, checkpoints and workers record it; RELEASING.md says when it changes.
package let codeVersion = "0.2.0"
