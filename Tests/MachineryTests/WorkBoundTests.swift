import ByteBuffers
import Foundation
import JSON
import TestSupport
import Testing

@testable import Machinery

extension JSONValue {
  /// Containers in one another, counted without recursion.
  fileprivate var depth: Int {
    var deepest = 0
    var open = [(self, 1)]
    while let (value, level) = open.popLast() {
      switch value {
      case .array(let elements):
        deepest = max(deepest, level)
        for element in elements { open.append((element, level + 1)) }
      case .object(let object):
        deepest = max(deepest, level)
        for member in object.members { open.append((member.value, level + 1)) }
      default: break
      }
    }
    return deepest
  }

  /// `{"a":{"a":…}}`, so many levels of it.
  fileprivate static func nested(_ levels: Int) -> JSONValue { (1..<levels).reduce([:]) { inner, _ in ["a": inner] } }
}

@Suite struct `The work of a JSON patch is bounded` {
  private func doesNotApply(_ error: any Error) -> Bool {
    if case .doesNotApply("exceeded max depth")? = error as? JSONPatch.Failure { true } else { false }
  }

  @Test func `what is written out for the sake of a copy's length counts`() throws {
    let patch = try JSONPatch([["op": "copy", "from": "/x", "path": "/y"]])
    let long: JSONValue = ["x": .string(String(repeating: "a", count: 3_200))]
    #expect(try patch.apply(to: long, maxSteps: 300)["y"] == long["x"])
    #expect { try patch.apply(to: long, maxSteps: 100) } throws: { $0 as? JSONPatch.Failure == .tooMuchWork }
  }

  @Test func `no operation makes a document deeper than one that is parsed`() throws {
    // Each copies all that there is into its own innermost member.
    var copies: [JSONValue] = [["op": "add", "path": "/x", "value": ["a": 0]]]
    var depth = 1
    for _ in 0..<17 {
      copies.append(["op": "copy", "from": "/x", "path": .string("/x" + String(repeating: "/a", count: depth))])
      depth *= 2
    }
    #expect { try JSONPatch(.array(copies)).apply(to: [:]) } throws: { doesNotApply($0) }
    // What is as deep as it may be.
    let whole = JSONValue.nested(JSONValue.maxDepth)
    #expect(whole.depth == JSONValue.maxDepth)
    let half = JSONValue.nested(JSONValue.maxDepth - 1)
    for operation in ["add", "replace"] {
      let patch = { (value: JSONValue, path: String) in
        try JSONPatch([["op": .string(operation), "path": .string(path), "value": value]])
      }
      #expect(try patch(half, "/x").apply(to: [:]).depth == JSONValue.maxDepth)
      #expect { try patch(whole, "/x").apply(to: [:]) } throws: { doesNotApply($0) }
      #expect { try patch(half, "/x/y").apply(to: ["x": [:]]) } throws: { doesNotApply($0) }
    }
    #expect(try JSONPatch([["op": "replace", "path": "", "value": whole]]).apply(to: [:]).depth == JSONValue.maxDepth)
    #expect { try JSONPatch([["op": "replace", "path": "", "value": ["a": whole]]]).apply(to: [:]) } throws: {
      doesNotApply($0)
    }
    for operation in ["move", "copy"] {
      let patch = try JSONPatch([["op": .string(operation), "from": "/x", "path": "/y/z"]])
      #expect { try patch.apply(to: ["x": half, "y": [:]]) } throws: { doesNotApply($0) }
      #expect(try patch.apply(to: ["x": .nested(JSONValue.maxDepth - 2), "y": [:]]).depth == JSONValue.maxDepth)
    }
  }

  @Test(arguments: 0..<4 as Range<UInt64>) func `random patches stay within depth and steps`(seed: UInt64) throws {
    var dice = Dice(seed)
    var refused = 0
    for _ in 0..<Repository.rounds(20) {
      var document: JSONValue = ["x": ["a": [0]], "y": [[:], [:]]]
      for _ in 0..<60 {
        func path() -> String {
          "/" + dice.pick(["x", "y"])
            + (0..<dice.number(below: 1 << dice.number(below: 9))).map { _ in dice.pick(["/a", "/a", "/a", "/0", "/-"])
            }.joined()
        }
        let value: JSONValue =
          dice.one(in: 3)
          ? .nested(1 + dice.number(below: JSONValue.maxDepth)) : dice.one(in: 2) ? [[], 1] : ["a": ["a": 0]]
        let patch = try JSONPatch([
          [
            "op": .string(dice.pick(["add", "copy", "copy", "copy", "move", "replace", "test", "remove"])),
            "path": .string(path()), "from": .string(path()), "value": value,
          ]
        ])
        do {
          document = try patch.apply(to: document)
          #expect(document.depth <= JSONValue.maxDepth)
        } catch {
          if doesNotApply(error) { refused += 1 }
        }
      }
    }
    #expect(refused > 0)
  }

  @Test func `trees as deep as they may be are compared, written and let go on a small stack`() async throws {
    // What the smallest of our threads has is several times this.
    let thread = Thread {
      let text = JSONValue.nested(JSONValue.maxDepth).encoded()
      guard var one = try? JSONValue(parsing: ByteSlice(text)), let other = try? JSONValue(parsing: ByteSlice(text))
      else {
        Issue.record("it is not read")
        return
      }
      #expect(one == other && one.isSameValue(as: other) && one.encoded().count == text.count)
      _ = MergePatch.apply(one, to: other)
      one = .null
    }
    thread.stackSize = 4 << 20
    thread.start()
    while !thread.isFinished { await Task.yield() }
  }

  @Test(.timeLimit(.minutes(2))) func `operations that move much are refused when they have moved too much`() throws {
    let many = JSONValue.array([JSONValue](repeating: 0, count: 700_000))
    let moves = JSONValue.array(
      [JSONValue](repeating: ["op": "move", "from": "/list/0", "path": "/list/699999"], count: 9_999))
    #expect { try JSONPatch(moves).apply(to: ["list": many]) } throws: { $0 as? JSONPatch.Failure == .tooMuchWork }
    // The rest with a twentieth of the steps, so that it takes a twentieth of the time.
    let members = JSONValue.object(JSONObject(unchecked: (0..<50_000).map { JSONObject.Member("m\($0)", 0) }))
    for operation: JSONValue in [
      ["op": "replace", "path": "/o/m49999", "value": 1], ["op": "test", "path": "/o/m49999", "value": 0],
      ["op": "move", "from": "/o/m49999", "path": "/o/m49999"],
      ["op": "add", "path": "/o/m49999", "value": 1], ["op": "copy", "from": "/o/m49999", "path": "/o/m1"],
      ["op": "move", "from": "/o", "path": "/o"],
    ] {
      let patch = try JSONPatch(.array([JSONValue](repeating: operation, count: 10_000)))
      #expect("\(operation)") { try patch.apply(to: ["o": members], maxSteps: JSONPatch.maxSteps / 20) } throws: {
        $0 as? JSONPatch.Failure == .tooMuchWork
      }
    }
  }

  @Test func `as many operations as there may be are taken in a document of some size`() throws {
    let members = JSONValue.object(JSONObject(unchecked: (0..<300).map { JSONObject.Member("m\($0)", 0) }))
    let operations = (0..<10_000).map { place -> JSONValue in
      ["op": "replace", "path": .string("/m\(place % 300)"), "value": .int(Int64(place))]
    }
    #expect(try JSONPatch(.array(operations)).apply(to: members)["m99"] == 9_999)
  }
}

@Suite struct `The work of a selector is bounded` {
  @Test(arguments: 0..<4 as Range<UInt64>) func `a table of many terms says what the terms say one by one`(seed: UInt64)
  {
    var dice = Dice(seed)
    let keys = ["a", "b", "c", "d"]
    let values = ["", "1", "2", "3", "-1", "x", "9223372036854775807", "-9223372036854775808"]
    var matched = 0
    for _ in 0..<Repository.rounds(1_500) {
      let requirements = (0..<dice.number(below: 1 + (dice.one(in: 2) ? 4 : 12))).map {
        _ -> LabelSelector.Requirement in
        let op = dice.pick([
          LabelSelector.Operator.equals, .notEquals, .in, .in, .notIn, .notIn, .exists, .doesNotExist, .greaterThan,
          .lessThan,
        ])
        let given: [String] =
          switch op {
          case .exists, .doesNotExist: []
          case .in, .notIn: dice.some(values)
          default: [dice.pick(values)]
          }
        return LabelSelector.Requirement(key: dice.pick(keys), op: op, values: given)
      }
      let labels = StringMap(dice.some(keys + ["e", "f", "g"]).map { ($0, dice.pick(values)) })
      let expected = requirements.allSatisfy { $0.matches(labels) }
      #expect(SelectorTable(requirements).matches(labels) == expected, "\(requirements) \(labels)")
      #expect(LabelSelector(requirements).matches(labels) == expected)
      if expected { matched += 1 }
      let terms = (0..<dice.number(below: 5)).map { _ in
        FieldSelector.Term(field: dice.pick(keys), isEqual: dice.one(in: 3), value: dice.pick(values))
      }
      let holds = terms.allSatisfy { ((labels[$0.field] ?? "") == $0.value) == $0.isEqual }
      #expect(SelectorTable(terms).matches(fields: labels) == holds, "\(terms) \(labels)")
      #expect(FieldSelector(terms).matches(labels) == holds)
    }
    #expect(matched > 50)
  }

  @Test(.timeLimit(.minutes(2))) func `tens of thousands of terms are asked of thousands of objects in no time`() throws
  {
    let objects = (0..<5_000).map {
      StringMap([("kubernetes.io/hostname", "n\($0)"), ("zone", "z\($0 % 3)"), ("k1", "v")])
    }
    let different = try LabelSelector.parse((0..<40_000).map { "k\($0)!=a" }.joined(separator: ","))
    #expect(objects.allSatisfy(different.matches))
    let same = try LabelSelector.parse((0..<40_000).map { "zone!=a\($0)" }.joined(separator: ",") + ",zone!=z1")
    #expect(objects.count(where: same.matches) == 3_333)
    let list = try LabelSelector.parse("zone in (\((0..<40_000).map { "a\($0)" }.joined(separator: ",")),z2)")
    #expect(objects.count(where: list.matches) == 1_666)
    let fields = try FieldSelector.parse((0..<40_000).map { "metadata.name!=a\($0)" }.joined(separator: ","))
    #expect((0..<5_000).allSatisfy { fields.matches(StringMap([("metadata.name", "n\($0)")])) })
  }
}

@Suite struct `Complaints are bounded` {
  @Test(.timeLimit(.minutes(2))) func `many controllers in one list of owners do not show the list each time`() {
    let owners = (0..<20_000).map { place -> JSONValue in
      [
        "apiVersion": "v1", "kind": "Pod", "name": .string("p\(place)"), "uid": .string("u\(place)"),
        "controller": true,
      ]
    }
    let meta: JSONObject = ["name": "a", "ownerReferences": .array(owners)]
    let status = Status.invalid(
      "Node", name: "a", MetaValidation.validate(meta, isNamespaced: false, nameRule: MetaValidation.subdomainName))
    #expect(status.code == 422 && status.message.utf8.count < 16 << 20)
    // One of them is told as it always was.
    let few = MetaValidation.validate(
      ["name": "a", "ownerReferences": .array(Array(owners.prefix(2)))], isNamespaced: false,
      nameRule: MetaValidation.subdomainName)
    #expect(
      few.map(\.detail) == [
        #"Only one reference can have Controller set to true. Found "true" in references for Pod/p0 and Pod/p1"#
      ])
  }

  @Test func `an answer tells a megabyte of mistakes, and how many more there are`() {
    let errors = (0..<300_000).map { FieldError.invalid("spec.list[\($0)]", "x", "must be something else") }
    let status = Status.invalid("Node", name: "a", errors)
    let told = status.details?.causes.count ?? 0
    #expect((1_000..<100_000).contains(told) && status.message.utf8.count < 2 << 20)
    #expect(status.message.hasSuffix(", and \(300_000 - told) more]"))
    let few = Status.invalid("Node", name: "a", Array(errors.prefix(2)))
    #expect(few.details?.causes.count == 2 && !few.message.contains("more"))
  }
}
