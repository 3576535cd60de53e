import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import binnacle

@Suite struct `Lines for a pipe` {
  /// Both ends of a pipe, closed with it.
  private final class Pipe: Sendable {
    let (reading, writing): (Int32, Int32)
    init() {
      var ends: [Int32] = [-1, -1]
      pipe(&ends)
      (reading, writing) = (ends[0], ends[1])
    }
    deinit {
      close(reading)
      close(writing)
    }

    /// All that comes until `end` has, and the notices before it are of so many lines.
    func text(until end: String, telling dropped: Int = 0) async -> String {
      await awaitingThread { [reading] in
        func told(_ text: String) -> Int {
          text.split(separator: "(").dropFirst().reduce(0) { $0 + (Int($1.prefix { $0 != " " }) ?? 0) }
        }
        var all = ""
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !(all.hasSuffix(end) && told(all) == dropped) {
          let count = read(reading, &buffer, buffer.count)
          guard count > 0 else { break }
          all += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return all
      }
    }

    private func awaitingThread(_ body: @escaping @Sendable () -> String) async -> String {
      await withCheckedContinuation { done in Thread.detachNewThread { done.resume(returning: body()) } }
    }
  }

  @Test func `lines come out whole and in their order`() async {
    let pipe = Pipe()
    let writer = LineWriter(descriptor: pipe.writing) { "(\($0) dropped)\n" }
    let lines = (0..<2_000).map { "line \($0)\n" }
    for line in lines { writer.write(line) }
    #expect(await pipe.text(until: "line 1999\n") == lines.joined())
    #expect(writer.lost == 0)
    #expect(writer.flush(within: .seconds(10)) && writer.blockedFor == nil)
  }

  @Test
  func
    `nobody waits for a pipe that nobody reads, what finds no room is counted, and a line in its place says how many`()
    async throws
  {
    let pipe = Pipe()
    // F_SETPIPE_SZ: the pipe holds a page.
    #expect(fcntl(pipe.writing, 1_031, 4_096) == 4_096)
    let writer = LineWriter(descriptor: pipe.writing, limit: 10_000) { "(\($0) dropped)\n" }
    // This would never return if it waited.
    let count = 5_000
    for number in 0..<count { writer.write("line \(number) of some more letters than a few\n") }
    #expect(writer.lost > 1_000)
    #expect(!writer.flush(within: .milliseconds(10)))
    #expect(writer.blockedFor != nil)
    let lost = writer.lost
    // The last ones found no room, so a notice is the end. Every line is there or told of, where it would have stood.
    var (next, told, isInOrder) = (0, 0, true)
    for line in await pipe.text(until: "dropped)\n", telling: lost).split(separator: "\n") {
      if line.hasPrefix("line "), let number = Int(line.split(separator: " ")[1]) {
        isInOrder = isInOrder && number == next
        next += 1
      } else if line.hasSuffix(" dropped)"), let dropped = Int(line.dropFirst().prefix { $0 != " " }) {
        next += dropped
        told += dropped
      }
    }
    #expect(isInOrder && next == count && told == lost)
  }

  @Test func `a reader that goes away ends nothing`() throws {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [-1, -1]
    pipe(&ends)
    defer { close(ends[1]) }
    let writer = LineWriter(descriptor: ends[1]) { "(\($0) dropped)\n" }
    writer.write("a\n")
    #expect(writer.flush(within: .seconds(10)))
    close(ends[0])
    writer.write("b\n")
    writer.write("c\n")
    #expect(writer.flush(within: .seconds(10)))
    #expect(writer.lost == 2)
  }
}
