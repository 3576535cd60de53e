import Storage
import Testing

@testable import Cacher

@Suite struct `Object tree` {
  private func key(_ n: Int) -> String { prefix + "k\(n)" }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func `a tree equals a sorted dictionary after each random step, and old copies stay as they were`(seed: UInt64) {
    var random = Random(seed: seed)
    var tree = ObjectTree()
    var model: [String: CachedObject] = [:]
    var copies: [(tree: ObjectTree, keys: [String])] = []
    let keySpace = Int.random(in: 1...600, using: &random)
    for step in 1...3_000 {
      let key = key(Int.random(in: 0..<keySpace, using: &random))
      // Long phases of growth and of shrinking, so that nodes split and join.
      if Int.random(in: 0..<100, using: &random) < ((step / 700) % 2 == 0 ? 75 : 20) {
        let object = TestCodec.make(key, "v", Revision(Int64(step)))
        #expect(tree.set(object) === model.updateValue(object, forKey: key))
      } else {
        #expect(tree.remove(key) === model.removeValue(forKey: key))
      }
      if step % 37 == 0 || step < 100 { tree.checkInvariants { Issue.record("seed \(seed), step \(step): \($0)") } }
      #expect(tree.count == model.count)
      if step % 97 == 0 {
        let keys = model.keys.sorted()
        #expect(tree.objects(0..<tree.count).map(\.key) == keys)
        #expect(tree.newest == (model.values.map(\.revision).max() ?? .zero))
        let probe = self.key(Int.random(in: 0..<keySpace, using: &random))
        #expect(tree[probe] === model[probe])
        #expect(tree.rank(of: probe) == keys.count { $0 < probe })
        let ranks = tree.ranks(prefix: prefix + "k1", from: probe)
        #expect(tree.objects(ranks).map(\.key) == keys.filter { $0.hasPrefix(prefix + "k1") && $0 >= probe })
        copies.append((tree, keys))
      }
    }
    for copy in copies {
      copy.tree.checkInvariants { Issue.record("copy: \($0)") }
      #expect(copy.tree.objects(0..<copy.tree.count).map(\.key) == copy.keys)
    }
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `a list of one label or one value of the trigger field shows the same with an index and without`(seed: UInt64) {
    var random = Random(seed: seed)
    var indexed = ObjectTree(indexedBy: TriggerPublisher(field: "node"))
    var plain = ObjectTree()
    var copies: [(ObjectTree, ObjectTree)] = []
    for step in 1...2_000 {
      let key = prefix + "n\(Int.random(in: 0..<4, using: &random))/" + "k\(Int.random(in: 0..<90, using: &random))"
      if Int.random(in: 0..<100, using: &random) < 70 {
        let node = ["node=a", "node=b", "node=c", "v", "node="].randomElement(using: &random) ?? ""
        let value = "\(node);x=\(Int.random(in: 0..<40, using: &random));all=yes"
        let object = TestCodec.make(key, value, Revision(Int64(step)))
        indexed.set(object)
        plain.set(object)
      } else {
        indexed.remove(key)
        plain.remove(key)
      }
      if step % 41 == 0 { indexed.checkInvariants { Issue.record("seed \(seed), step \(step): \($0)") } }
      if step % 199 == 0 { copies.append((indexed, plain)) }
    }
    for (indexed, plain) in copies {
      indexed.checkInvariants { Issue.record("copy: \($0)") }
      for _ in 0..<60 {
        let scope = prefix + (Bool.random(using: &random) ? "n\(Int.random(in: 0..<5, using: &random))/" : "")
        let value = ["a", "b", "c", "d", ""].randomElement(using: &random) ?? ""
        var request = ListRequest(prefix: scope, predicate: field("node", value))
        switch Int.random(in: 0..<4, using: &random) {
        case 0: request.predicate = label("x", "\(Int.random(in: 0..<50, using: &random))")
        case 1: request.predicate.label = label("all", "yes").label
        case 2: request.predicate.label = label("x", "\(Int.random(in: 0..<40, using: &random))").label
        default: break
        }
        request.limit = [0, 0, 1, 3, 40].randomElement(using: &random) ?? 0
        if Bool.random(using: &random) { request.startKey = scope + "k\(Int.random(in: 0..<90, using: &random))" }
        func page(_ tree: ObjectTree, _ most: Int) -> ObjectList {
          let ranks = tree.ranks(prefix: request.prefix, from: request.startKey)
          var page = PageBuilder(request, CacheView(tree: tree, revision: Revision(1)), ranks)
          while !page.isDone { page.visit(most) }
          return page.list
        }
        let (found, model) = (page(indexed, [1, 7, 1_000].randomElement(using: &random) ?? 1), page(plain, 1_000))
        #expect(found.objects.map(\.key) == model.objects.map(\.key))
        #expect(found.hasMore == model.hasMore && found.nextKey == model.nextKey)
      }
    }
  }

  @Test func `keys are ordered by bytes and told apart by bytes`() {
    var tree = ObjectTree()
    // Canonically equal as Unicode, different as keys.
    let composed = prefix + "\u{e9}"
    let decomposed = prefix + "e\u{301}"
    for key in [composed, decomposed, prefix + "z", prefix + "a/b", prefix + "a-b"] {
      tree.set(TestCodec.make(key, "v", Revision(1)))
    }
    #expect(tree.count == 5)
    let keys = tree.objects(0..<5).map { Array($0.key.utf8) }
    #expect(keys == [prefix + "a-b", prefix + "a/b", decomposed, prefix + "z", composed].map { Array($0.utf8) })
  }

  @Test func `keys that arrive in order fill their leaves`() {
    var tree = ObjectTree()
    for n in 0..<10_000 { tree.set(TestCodec.make(prefix + "k\(n + 100_000)", "v", Revision(1))) }
    tree.checkInvariants { Issue.record("\($0)") }
    #expect(tree.root.map { self.leaves($0) } ?? 0 <= 10_000 / TreeNode.itemsMax + 1)
  }
  private func leaves(_ node: TreeNode) -> Int { node.isLeaf ? 1 : node.children.reduce(0) { $0 + leaves($1) } }
}
