// Pages around a deed: one that asks first, one that says what changed.

extension Frame {
  /// - Parameters:
  ///   - command: the line that does the same in the terminal
  ///   - hits: the number of jobs that it is for
  ///   - user: whose name the journal will have; nil for the login of the server
  package func askPage(
    verb: String, target: String, command: String, user: String?, hits: Int64? = nil
  )
    -> HTML
  {
    document(
      title: verb, section: "",
      """
      <h1>\(verb) \(target)?</h1>
      \(hits.map { "<p class=\"figures\"><b>\(counted($0, "job"))</b></p>\n" })\
      <p>The same in the terminal: <code>\(command)</code>. The journal will name \(user ?? "the login of this server").</p>
      <form method="post" action="act"><input type="hidden" name="verb" value="\(verb)">\
      <input type="hidden" name="target" value="\(target)"><input type="hidden" name="token" value="\(token ?? "")">\
      <button class="deed">\(verb) \(target)</button></form>
      """)
  }

  package func donePage(done: String) -> HTML {
    document(
      title: "done", section: "",
      """
      <h1>Done</h1>
      <p class="message">\(done)</p>
      <p><a href="\(root)queue">the queue</a> · <a href="\(root)runs">all runs</a></p>
      """)
  }
}
