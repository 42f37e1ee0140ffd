import HTTPTypes
import Hummingbird

/// Says which environment answers: as a page to a browser, as JSON to everything else.
struct FrontPage: Sendable {
    private struct Answer: ResponseEncodable {
        let environment: String
        let version: String
    }

    let identity: Identity

    func response(to request: Request, context: DemoContext) throws -> Response {
        guard request.headers[.accept]?.contains("text/html") == true else {
            return try Answer(environment: identity.environment, version: identity.version)
                .response(from: request, context: context)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page))
        )
    }

    /// The colours of the two usual names have enough contrast for white text; any other name is grey.
    private var page: String {
        let colour = ["blue": "#1d4ed8", "green": "#15803d"][identity.environment] ?? "#4b5563"
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>\(identity.environment) \(identity.version)</title>
            <body style="margin:0;min-height:100vh;display:grid;place-content:center;text-align:center;\
            font-family:system-ui,sans-serif;color:#fff;background:\(colour)">
            <h1>\(identity.environment)</h1>
            <p>\(identity.version)</p>

            """
    }
}
