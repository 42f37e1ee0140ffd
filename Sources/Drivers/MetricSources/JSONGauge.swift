package import DeployPorts
package import HTTPClient

/// A number in a JSON answer, such as `latency_ms` of `/api/health/db`.
///
/// An answer that is late, not 2xx, not JSON, or without a number that is zero or more at the path is no
/// evidence, never a zero.
package struct JSONGauge: Gauge {
    package let name: String
    private let request: HTTPRequest
    private let path: String
    private let client: HTTPClient

    /// `url` is complete, without `${…}`; `path` is such as `pools[0].latency_ms`.
    package init(
        name: String,
        url: String,
        path: String,
        deadline: Duration = .seconds(2),
        client: HTTPClient = HTTPClient()
    ) {
        self.name = name
        self.path = path
        self.client = client
        let headers = [HTTPHeader("Accept", "application/json")]
        request = HTTPRequest(url: url, headers: headers, deadline: deadline)
    }

    package func read() async throws(MetricsError) -> Double {
        let response: HTTPResponse
        do throws(HTTPError) {
            response = try await client.send(request)
        } catch {
            if case .badRequest = error { throw .unusable("GET \(request.url): \(error.message)") }
            throw .noEvidence("GET \(request.url): \(error.message)")
        }
        guard (200..<300).contains(response.status) else {
            throw .noEvidence("GET \(request.url) answered \(response.status)")
        }
        return try number(in: response.body)
    }

    private func number(in body: [UInt8]) throws(MetricsError) -> Double {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONDocument(body).value(at: path)
        } catch {
            if case .badPath = error { throw .unusable(error.message) }
            throw .noEvidence("GET \(request.url): \(error.message)")
        }
        guard let number = value.finiteNumber, number >= 0 else {
            throw .noEvidence(
                "GET \(request.url): `\(path)` is \(value.kindDescription), not a number from 0 up"
            )
        }
        return number
    }
}
