import Machinery
import Testing

/// What client-go's parser of JSONPath lets in, and what it says of the rest.
@Suite struct `The syntax of JSONPath` {
  @Test(arguments: [
    "", "plain", "{.spec.x}", "{.spec['a.b'].c}", "{$.a[0:2].b[*]}", "{..x}", "{.a[?(@.b == 'c)]')].d}",
    "{.a[?(@.b)]}", "{.a['x','y']}", "{.a[1,2:3]}", "{range .a[*]}{.b}{end}", "{'a\\tb\\u00e9\\x41\\101'}", "{-1.5}",
    "{true}", "{.a\\.b}", "{.a[-1:]}", "{.a[]}", "{.a[?(@.x>=1)]}",
  ])
  func `what is let in`(template: String) throws { try JSONPathSyntax.check(template) }

  @Test(arguments: [
    ("{", "unclosed action"), ("{.a", "unclosed action"), ("{.a\n}", "unclosed action"),
    ("{.a]}", "unrecognized character in action: U+005D ']'"), ("{.a[}", "unterminated array"),
    ("{.a[x]}", "invalid array index x"), ("{.a[1:2:3:4]}", "invalid array index 1:2:3:4"),
    ("{.a[-]}", "array index - is not a number"),
    ("{.a[99999999999999999999]}", "array index 99999999999999999999 is not a number"),
    ("{....a}", "invalid multiple recursive descent"), ("{'a}", "unterminated quoted string"),
    ("{'a\\q'}", "unquote string 'a\\q' error invalid syntax"), ("{1.2.3}", "cannot parse number 1.2.3"),
    ("{+}", "cannot parse number +"), ("{.a[?(@.b}", "unterminated filter"), ("{.a[?(@.b)}", "unclosed array expect ]"),
    ("{.a[?(@.b==)]}", "unrecognized character in action: U+003D '='"), ("{.a['x',y]}", "invalid array index y"),
    ("{#}", "unrecognized character in action: U+0023 '#'"),
  ])
  func `what is not`(template: String, problem: String) {
    var found: String?
    do { try JSONPathSyntax.check(template) } catch { found = "\(error)" }
    #expect(found == problem)
  }
}
