/// The version of this software, as runs and checkpoints record it.
package let codeVersion = "0.1.0"
