import Testing

/// The pages of `Tests/Kubectl` are read and compared as `Transcript` says, so that a page which passes has said
/// something.
@Suite struct `Transcripts` {
  static let page = """
    # A page

        $ echo a; \\
        > false
        a
        [1]
        1.24+ $ get
        NAME   AGE
        x      …s

    Prose between steps belongs to none.

        1.21-1.23 $ old
        -1.20 $ oldest

    """

  @Test func `commands, versions, outputs and statuses are read`() throws {
    let steps = try Transcript(path: "page", text: Self.page).steps
    #expect(steps.map(\.command) == ["echo a; \\\nfalse", "get", "old", "oldest"])
    #expect(steps.map(\.line) == [3, 7, 13, 14])
    #expect(steps.map(\.status) == [1, 0, 0, 0])
    #expect(steps.map(\.versions) == [0...Int.max, 24...Int.max, 21...23, 0...20])
    #expect(throws: Transcript.Malformed.self) { try Transcript(path: "page", text: "    output first") }
    #expect(throws: Transcript.Malformed.self) { try Transcript(path: "page", text: "    1.x+ $ get") }
  }

  @Test(arguments: [
    ("NAME   AGE\nx      12s\n", true), ("NAME AGE\nx 1s   \n\n", true), ("NAME   AGE\nx      12m\n", false),
    ("NAME   AGE\n  x      12s\n", false),
    ("NAME   AGE\nx      12s\ny   1\n", false), ("Warning: x\nNAME   AGE\nx      12s\n", false), ("", false),
    ("NAME   AGE\n", false),
  ])
  func `an output matches if only spaces and what an ellipsis stands for differ`(printed: String, matches: Bool) throws
  {
    #expect(try Transcript(path: "page", text: Self.page).steps[1].matches(printed) == matches)
  }

  @Test func `pieces between ellipses come in order and the ends are ends`() {
    let step = Transcript.Step(line: 1, versions: 0...1, command: "", output: ["a…b…c"])
    for (printed, matches) in [
      ("abc", true), ("a-b-\n-b-c", true), ("acb", false), ("abcd", false), ("xabc", false), ("a-c", false),
    ] {
      #expect(step.matches(printed) == matches, "\(printed)")
    }
    #expect(Transcript.Step(line: 1, versions: 0...1, command: "", output: []).matches("\n"))
    #expect(!Transcript.Step(line: 1, versions: 0...1, command: "", output: []).matches("x"))
  }
}
