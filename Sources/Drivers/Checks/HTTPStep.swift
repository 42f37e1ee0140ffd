import DeployCore
package import DeployPorts
import HTTPClient

/// One HTTP request and what its answer should be: the playbook's `http`.
package struct HTTPStep: StepAction {
    struct Capture: Hashable, Sendable {
        let name: String
        let path: JSONPath
    }

    let method: String
    let target: HTTPTarget
    var headers: [NamedTemplate] = []
    var body: HTTPBody?
    var authorization: RequestAuthorization?
    var expectation = HTTPExpectation()
    var captures: [Capture] = []
    /// A request that is made first; its cookies go with this one.
    var login: (any StepAction)?
    let client: HTTPClient
    let jars: CookieJars

    package var summary: String {
        let route = target.route == .candidate ? "" : " via \(target.route.rawValue)"
        return "\(method) \(target.address.source)\(route)"
    }

    package var isReadOnly: Bool { method == "GET" || method == "HEAD" }

    package var references: [Reference] {
        target.address.references + headers.flatMap(\.value.references) + (body?.references ?? [])
            + (authorization?.references ?? []) + expectation.references + (login?.references ?? [])
    }

    package func perform(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        guard let login else { return try await exchange(attempt) }
        let start = ContinuousClock.now
        do throws(StepFailure) {
            _ = try await login.perform(attempt)
        } catch {
            throw StepFailure(
                "the login failed, and \(method) \(self.target.address.source) was not sent\n\(error.message)",
                isTransient: error.isTransient
            )
        }
        let left = attempt.deadline.milliseconds - Int64((ContinuousClock.now - start).wholeMilliseconds)
        guard left > 0 else {
            throw StepFailure("the login took all of \(attempt.deadline), and nothing else was sent")
        }
        return try await exchange(attempt.with(deadline: .milliseconds(left)))
    }

    private func exchange(_ attempt: StepAttempt) async throws(StepFailure) -> StepResult {
        let target = try target.resolved(in: attempt.values)
        var request = try makeRequest(to: target, values: attempt.values)
        let report = HTTPFailureReport(
            method: method,
            target: target,
            sent: request.body ?? [],
            values: attempt.values
        )
        let limit = min(attempt.deadline, expectation.within ?? attempt.deadline)
        request.deadline = attempt.time(within: expectation.within)
        request.cookies = await jars.jar(run: attempt.run, step: attempt.step)
        let response: HTTPResponse
        do throws(HTTPError) {
            response = try await client.send(request)
        } catch {
            throw report.failure(error, limit: limit)
        }
        var mismatches = try expectation.mismatches(in: response, values: attempt.values)
        let captured = mismatches.isEmpty ? capture(from: response, mismatches: &mismatches) : [:]
        guard mismatches.isEmpty else { throw report.failure(response, mismatches) }
        return StepResult(
            captures: captured,
            summary: "\(response.status) in \(response.duration.inMilliseconds)"
        )
    }

    private func makeRequest(
        to target: HTTPTarget.Resolved,
        values: Values
    ) throws(StepFailure) -> HTTPRequest {
        var request = HTTPRequest(method: method, url: target.url)
        request.connectTo = target.connectTo
        for header in headers {
            request.headers.append(HTTPHeader(header.name, try header.value.resolved(in: values)))
        }
        switch authorization {
        case .bearer(let token):
            request.headers.append(HTTPHeader("Authorization", "Bearer \(try token.resolved(in: values))"))
        case .basic(let user, let password):
            request.basicAuth = HTTPBasicAuth(
                user: try user.resolved(in: values),
                password: try password.resolved(in: values)
            )
        case nil: break
        }
        if let body {
            request.body = try body.bytes(in: values)
            let isNamed = headers.contains { $0.name.lowercased() == "content-type" }
            if let type = body.contentType, !isNamed {
                request.headers.append(HTTPHeader("Content-Type", type))
            }
        }
        return request
    }

    /// A text as it is, a number as it was written, `true`, `false`; anything else has no place in a text.
    private func capture(from response: HTTPResponse, mismatches: inout [Mismatch]) -> [String: String] {
        guard !captures.isEmpty else { return [:] }
        var result: [String: String] = [:]
        do throws(JSONError) {
            let document = try JSONDocument(response.body)
            for capture in captures {
                let value = try document.root.value(at: capture.path)
                switch value {
                case .string(let text): result[capture.name] = text
                case .number, .bool: result[capture.name] = value.text
                case .object, .array, .null:
                    mismatches.append(
                        Mismatch("json \(capture.path) to capture as \(capture.name)", value.kindDescription)
                    )
                }
            }
        } catch {
            let paths = captures.map(\.path.description).joined(separator: ", ")
            mismatches.append(Mismatch("json \(paths) to capture", error.message))
        }
        return result
    }
}
