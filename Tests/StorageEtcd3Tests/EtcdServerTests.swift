import TestSupport
import Testing

@Suite struct `The etcd runner` {
  @Test(arguments: EtcdServer.Version.allCases)
  func `starts, freezes, continues, dies and comes back on its data`(version: EtcdServer.Version) async throws {
    let server = try await EtcdServer.start(version)
    let put = await HTTPProbe.answer(
      "POST", port: server.clientPort, path: "/v3/kv/put", body: #"{"key":"YQ==","value":"Yg=="}"#)
    #expect(put?.status == 200)
    server.pause()
    #expect(await HTTPProbe.answer(port: server.clientPort, path: "/health") == nil)
    server.resume()
    try await server.waitUntilHealthy()
    try await server.kill()
    #expect(!server.isRunning)
    try await server.restart()
    let found = await HTTPProbe.answer("POST", port: server.clientPort, path: "/v3/kv/range", body: #"{"key":"YQ=="}"#)
    #expect(found?.body.contains(#""value":"Yg==""#) == true)
    try await server.stop()
  }
}
