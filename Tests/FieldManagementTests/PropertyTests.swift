import ByteBuffers
import JSON
import Machinery
import Schema
import TestSupport
import Testing

@testable import FieldManagement

/// Random parts of nodes, from few names and values, so that they meet often.
struct NodeMaker {
  var dice: Dice

  mutating func meta() -> JSONValue {
    var meta: JSONValue = ["name": "a"]
    if !dice.one(in: 3) { meta["labels"] = map(["x", "y", "z"]) }
    if dice.one(in: 3) { meta["annotations"] = map(["p", "q"]) }
    if dice.one(in: 3) { meta["finalizers"] = .array(subset(["f/a", "f/b", "f/c"]).map { .string($0) }) }
    if dice.one(in: 4) {
      meta["ownerReferences"] = .array(
        subset(["1", "2"]).map { uid in
          ["apiVersion": "v1", "kind": "Thing", "name": .string(dice.pick(["n", "m"])), "uid": .string(uid)]
        })
    }
    return meta
  }

  mutating func spec() -> JSONValue {
    var spec: JSONValue = [:]
    if dice.one(in: 2) { spec["unschedulable"] = .bool(dice.one(in: 2)) }
    if dice.one(in: 3) {
      spec["podCIDRs"] = .array(subset(["10.0.0.0/24", "fd00::/64", "10.0.1.0/24"]).map { .string($0) })
    }
    if dice.one(in: 3) {
      spec["taints"] = .array(
        subset(["k", "l"]).map { key in
          ["key": .string(key), "effect": .string(dice.pick(["NoSchedule", "NoExecute"]))]
        })
    }
    return spec
  }

  mutating func status() -> JSONValue {
    var status: JSONValue = [:]
    if dice.one(in: 2) { status["capacity"] = map(["cpu", "pods"]) }
    if !dice.one(in: 3) {
      status["conditions"] = .array(
        subset(["Ready", "Disk", "Memory"]).map { type in
          var condition: JSONValue = ["type": .string(type), "status": .string(dice.pick(["True", "False"]))]
          if dice.one(in: 2) { condition["reason"] = .string(dice.pick(["A", "B"])) }
          return condition
        })
    }
    if dice.one(in: 3) { status["nodeInfo"] = ["machineID": .string(dice.pick(["1", "2"]))] }
    return status
  }

  mutating func node() -> JSONValue {
    ["kind": "Node", "apiVersion": "v1", "metadata": meta(), "spec": spec(), "status": status()]
  }

  private mutating func map(_ names: [String]) -> JSONValue {
    .object(JSONObject(uniquing: subset(names).map { JSONObject.Member($0, .string(dice.pick(["1", "2", "3"]))) }))
  }

  /// Never empty: objects leave empty maps and lists out, so upstream can't keep track of who wants them either.
  private mutating func subset(_ from: [String]) -> [String] {
    let some = from.filter { _ in !dice.one(in: 2) }
    return (some.isEmpty ? [dice.pick(from)] : some).shuffled(using: &dice)
  }
}

private let rounds = Repository.rounds(250)

@Suite struct `Properties of field ownership` {
  private func set(_ value: JSONValue?) throws -> [(String, FieldSet)] {
    try (value?.array ?? []).map {
      ("\($0["manager"]?.string ?? "") \($0["operation"]?.string ?? "")", try FieldSet(fieldsV1: $0["fieldsV1"] ?? [:]))
    }
  }

  private func timeless(_ node: JSONValue) -> JSONValue {
    var node = node
    let entries = (node["metadata"]?["managedFields"]?.array ?? []).map { entry in
      var entry = entry
      entry["time"] = nil
      return entry
    }
    node["metadata"]?["managedFields"] = .array(entries.sorted { $0.encoded().text < $1.encoded().text })
    return node
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `applies and updates by many managers keep every rule`(
    seed: UInt64
  ) throws {
    var maker = NodeMaker(dice: Dice(seed))
    let manager = try Fixture.manager()
    let schema = try Fixture.schema()
    let type = try Fixture.type()
    var live: JSONValue?
    for round in 0..<rounds {
      if round % 50 == 0 { live = nil }
      let writer = Fixture.writer(maker.dice.pick(["one", "two", "three"]))
      let before = live
      var config = maker.node()
      config["status"] = [:]
      if maker.dice.one(in: 3), before != nil {
        var new = try Fixture.model.decode(tree: config, as: type).value
        new["metadata"]?["managedFields"] = nil
        new["status"] = before?["status"]
        new["metadata"]?["uid"] = before?["metadata"]?["uid"]
        manager.update(live: before, new: &new, writer: writer, now: Int64(round))
        live = new
      } else {
        let force = maker.dice.one(in: 2)
        let merged: JSONValue
        do {
          merged = try manager.apply(live: before, config: config, writer: writer, force: force, now: Int64(round))
        } catch {
          #expect(error.code == 409 && !force && !(error.details?.causes.isEmpty ?? true), "\(error)")
          continue
        }
        var after = try Fixture.model.decode(tree: merged, as: type).value
        // What was applied is there.
        let wanted = schema.fieldSet(of: config)
        let difference = schema.compare(config, after)
        #expect(
          difference.modified.intersection(wanted).isEmpty,
          "seed \(seed) round \(round): \(config.encoded().text) gave \(after.encoded().text)")
        // Applying it again changes nothing but a time, where the configuration has empty maps that objects leave out;
        // the registry undoes that.
        if after["metadata"]?["uid"] == nil { after["metadata"]?["uid"] = "u" }
        let again = try manager.apply(
          live: after, config: config, writer: writer, force: false, now: Int64(round) + 1_000_000)
        let canonical = try Fixture.model.decode(tree: again, as: type).value
        let isSame = timeless(canonical).isSameValue(as: timeless(after))
        #expect(
          isSame,
          "seed \(seed) round \(round): \(config.encoded().text) again made \(canonical.encoded().text) of \(after.encoded().text)"
        )
        // An applier owns just what it applied.
        let own = try set(after["metadata"]?["managedFields"]).first { $0.0 == "\(writer.name) Apply" }?.1 ?? FieldSet()
        #expect(own.subtracting(wanted).isEmpty)
        live = after
      }
      if live?["metadata"]?["uid"] == nil { live?["metadata"]?["uid"] = "u" }
      guard let now = live else { continue }
      var bare = now
      bare["metadata"]?["managedFields"] = nil
      let there = schema.withNamedFields(schema.fieldSet(of: bare))
      let owners = try set(now["metadata"]?["managedFields"])
      for (name, owned) in owners {
        #expect(!owned.isEmpty, "\(name) owns nothing")
        // A leaf that somebody owns is there.
        owned.forEach { path in
          guard !owned.hasBelow(path) else { return }
          #expect(
            there.has(path[...]) || path.count < 3 || name.hasSuffix("Update"),
            "seed \(seed) round \(round): \(name) owns \(path.map(\.description).joined())")
        }
      }
      // What an update or a forced apply changed belongs to its writer alone.
      let changed = schema.compare(before ?? bare, bare)
      for (name, owned) in owners where before != nil && !name.hasPrefix(writer.name + " ") {
        #expect(
          owned.intersection(changed.modified).isEmpty,
          "seed \(seed) round \(round): \(name) still owns what \(writer.name) changed")
      }
      #expect(Set(owners.map(\.0)).count == owners.count)
      for (_, owned) in owners { #expect(try FieldSet(fieldsV1: owned.fieldsV1) == owned) }
    }
  }
}

extension FieldSet {
  /// Is there a path below `path`?
  func hasBelow(_ path: [PathElement]) -> Bool {
    var set = self
    for element in path {
      guard let entry = set.entry(element) else { return false }
      set = entry.children
    }
    return !set.isEmpty
  }
}
