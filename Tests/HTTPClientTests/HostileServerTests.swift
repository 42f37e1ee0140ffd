import HTTPClient
import Testing
import ServiceLab

@Suite struct HostileServerTests {
    /// Much longer than any deadline here and shorter than the answers that never come: a busy machine is no defect.
    static let generous = Duration.seconds(45)

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let message: String
        let behaviour: @Sendable (RawConnection) -> Void

        init(_ name: String, _ message: String, _ behaviour: @escaping @Sendable (RawConnection) -> Void) {
            testDescription = name
            self.message = message
            self.behaviour = behaviour
        }
    }

    static let cases = [
        Case("says nothing", "no answer within 700 ms (connected after") { $0.hold() },
        Case("stops within the headers", "bytes of unfinished headers") { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nX-Half: ")
            connection.hold()
        },
        Case("drips a byte each 50 ms", "status 200 and") { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            connection.drip(String(repeating: "x", count: 1000), every: 50)
        },
        Case("sends chunks without end", "the body is larger than 65536 bytes") { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
            while connection.send(chunk) {}
        },
        Case("announces 200 MB of gzip", "the body is larger than 65536 bytes") { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 209715200\r\n\r\n")
            while connection.send([UInt8](repeating: 0x1F, count: 65_536)) {}
        },
        Case("cuts the body off", "the connection ended after status 200 and 3 bytes of the body") {
            connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        },
        Case("sends 2,000 headers", "more than 200 headers or 32768 bytes of them") { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n")
            for number in 0..<2000 where !connection.send("X-\(number): y\r\n") { return }
            connection.send("\r\n")
        },
        Case("sends 40 KB in one header", "more than 200 headers or 32768 bytes of them") { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nX: \(String(repeating: "y", count: 40_000))\r\n\r\n")
        },
        Case("sends interim answers without end", "more than 200 headers") { connection in
            connection.readRequest()
            while connection.send("HTTP/1.1 100 Continue\r\n\r\n") {}
        },
        Case("resets the connection", "the connection ended before any answer") { connection in
            connection.readRequest()
            connection.reset()
        },
        Case("closes without a word", "the connection ended before any answer") { $0.readRequest() },
        Case("does not speak HTTP", "the answer is not HTTP") { connection in
            connection.readRequest()
            connection.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")
        },
        Case("says status 7", "the answer is not HTTP") { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 7 Odd\r\nContent-Length: 0\r\n\r\n")
        },
    ]

    @Test(arguments: cases)
    func `a hostile server ends in a clear error within the deadline`(_ given: Case) async throws {
        try await RawServer.behaving(given.behaviour) { server in
            let request = HTTPRequest(url: server.url, deadline: .milliseconds(700))
            let start = ContinuousClock.now
            let error = await #expect(throws: HTTPError.self) { try await HTTPClient().send(request) }
            let took = ContinuousClock.now - start
            #expect(error?.message.contains(given.message) == true, "\(error?.message ?? "no error")")
            #expect(took < Self.generous, "took \(took)")
        }
    }

    @Test func `a redirect is an answer and is not followed`() async throws {
        let text = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
        try await RawServer.answering(text) { server in
            let response = try await HTTPClient().send(HTTPRequest(url: server.url + "/loop"))
            #expect(response.status == 302)
            #expect(response.values(of: "location") == ["/again"])
            #expect(server.requests.count == 1)
        }
    }

    @Test func `bytes that are not UTF-8 come through`() async throws {
        try await RawServer.behaving({ connection in
            connection.readRequest()
            connection.send(
                Array("HTTP/1.1 200 \u{1B}[31mOK\r\nContent-Length: 2\r\nX-Odd: a".utf8) + [0xFF, 0x0D, 0x0A]
            )
            connection.send([0x0D, 0x0A, 0xC3, 0x28])
        }) { server in
            let response = try await HTTPClient().send(HTTPRequest(url: server.url))
            #expect(response.body == [0xC3, 0x28])
            #expect(response.values(of: "x-odd") == ["a\u{FFFD}"])
        }
    }

    @Test func `no content coding is asked for`() async throws {
        try await RawServer.answering("HTTP/1.1 204 No Content\r\n\r\n") { server in
            _ = try await HTTPClient().send(HTTPRequest(url: server.url))
            #expect(server.requests.first?.lowercased().contains("accept-encoding") == false)
        }
    }

    @Test(arguments: ["http", "https"])
    func `a port that takes no connection is told from a silent server`(scheme: String) async throws {
        try await RawServer.withFullPort { port in
            let request = HTTPRequest(url: "\(scheme)://127.0.0.1:\(port)/", deadline: .milliseconds(400))
            let error = await #expect(throws: HTTPError.self) { try await HTTPClient().send(request) }
            #expect(error?.message == "no answer within 400 ms (no connection to 127.0.0.1:\(port))")
        }
    }

    @Test func `forty hanging servers end at the same deadline`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let start = ContinuousClock.now
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        let request = HTTPRequest(url: server.url, deadline: .milliseconds(500))
                        await #expect(throws: HTTPError.self) { try await HTTPClient().send(request) }
                    }
                }
            }
            #expect(ContinuousClock.now - start < Self.generous)
        }
    }

    @Test func `cancelling the task closes the connection at once`() async throws {
        try await RawServer.behaving({ $0.hold() }) { server in
            let start = ContinuousClock.now
            let error = await withTaskGroup(of: HTTPError?.self) { group in
                group.addTask {
                    do throws(HTTPError) {
                        _ = try await HTTPClient().send(HTTPRequest(url: server.url, deadline: .seconds(60)))
                        return nil
                    } catch {
                        return error
                    }
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(error == .cancelled)
            #expect(ContinuousClock.now - start < Self.generous)
        }
    }

    @Test func `cancelling under way closes the connection that the server holds`() async throws {
        try await RawServer.behaving({ connection in
            connection.readRequest()
            connection.hold()
        }) { server in
            let start = ContinuousClock.now
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    let request = HTTPRequest(url: server.url, deadline: .seconds(60))
                    await #expect(throws: HTTPError.cancelled) { try await HTTPClient().send(request) }
                }
                await eventually { server.requests.count == 1 }
                group.cancelAll()
            }
            await eventually { server.departures == 1 }
            #expect(server.departures == 1)
            #expect(ContinuousClock.now - start < Self.generous)
        }
    }
}

/// Waits until `condition` holds, for at most thirty seconds.
func eventually(_ condition: @Sendable () -> Bool) async {
    let end = ContinuousClock.now + .seconds(30)
    while !condition(), ContinuousClock.now < end { await Task.yield() }
}
