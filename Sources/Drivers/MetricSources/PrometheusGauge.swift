package import DeployPorts
package import HTTPClient

/// The value of an instant query to a Prometheus, or to what speaks its API (Thanos, Mimir, VictoriaMetrics).
///
/// One sample or a scalar, evaluated now, is the value. No sample, several, a value that is not a number from
/// 0 up, one whose sample is older than a minute, a warning (a part of the data is missing) and every failure
/// are no evidence.
package struct PrometheusGauge: Gauge {
    package let name: String
    private let request: HTTPRequest
    /// Asks for the time of the value's own sample.
    private let timeRequest: HTTPRequest
    private let client: HTTPClient
    /// Seconds since 1970.
    private let now: @Sendable () -> Double

    /// Samples older than this are stale, in seconds.
    ///
    /// Prometheus itself takes samples of five minutes. Newer ones can be told to take less
    /// (`lookback_delta`); all tell the time of a series' latest sample. What is computed of several has the
    /// time of the question.
    static let freshness = 60.0

    /// `server` is such as `http://prom:9090` or `https://mimir/prometheus`.
    package init(
        name: String,
        server: String,
        query: String,
        headers: [HTTPHeader] = [],
        basicAuth: HTTPBasicAuth? = nil,
        deadline: Duration = .seconds(2),
        client: HTTPClient = HTTPClient(),
        now: @escaping @Sendable () -> Double
    ) {
        self.name = name
        self.client = client
        self.now = now
        func request(_ query: String) -> HTTPRequest {
            let text = "query=\(Self.encoded(query))&lookback_delta=\(Int(Self.freshness))s"
            var base = Substring(server)
            while base.last == "/" { base = base.dropLast() }
            let form = HTTPHeader("Content-Type", "application/x-www-form-urlencoded")
            var request = HTTPRequest(
                method: "POST",
                url: "\(base)/api/v1/query",
                headers: headers + [HTTPHeader("Accept", "application/json"), form],
                body: Array(text.utf8),
                deadline: deadline
            )
            request.basicAuth = basicAuth
            return request
        }
        self.request = request(query)
        timeRequest = request("timestamp(\(query)\n)")
    }

    package func read() async throws(MetricsError) -> Double {
        let reading = try await ask(request)
        guard reading.isOfSeries else { return reading.value }
        let time = try await ask(timeRequest).value
        let age = now() - time
        guard age <= Self.freshness else {
            throw .noEvidence(
                "\(place): the latest sample is \(Int(age)) s old, more than \(Int(Self.freshness)) s"
            )
        }
        return reading.value
    }

    private func ask(_ request: HTTPRequest) async throws(MetricsError) -> PrometheusAnswer.Reading {
        let response: HTTPResponse
        do throws(HTTPError) {
            response = try await client.send(request)
        } catch {
            if case .badRequest = error { throw .unusable("\(place): \(error.message)") }
            throw .noEvidence("\(place): \(error.message)")
        }
        do throws(PrometheusAnswer.Mistake) {
            return try PrometheusAnswer(status: response.status, body: response.body).reading(at: now())
        } catch {
            let message = "\(place): \(error.message)"
            throw error.isLasting ? .unusable(message) : .noEvidence(message)
        }
    }

    private var place: String { "POST \(request.url)" }

    /// `application/x-www-form-urlencoded`, with `%20` for a space.
    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}
