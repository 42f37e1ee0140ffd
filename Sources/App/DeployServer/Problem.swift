package import DeployOperations
import DeployPorts
package import HTTPTypes
package import Hummingbird
import Logging
import NIOCore

/// Why a request was not carried out, as `application/problem+json` (RFC 9457).
///
/// `code` is the exit code that the command line ends with for the same reason.
package struct Problem: Error, HTTPResponseError {
    package let status: HTTPResponse.Status
    package let detail: String
    package let code: Int32
    package var headers: HTTPFields = [:]

    package init(_ status: HTTPResponse.Status, _ detail: String, code: Int32? = nil) {
        self.status = status
        self.detail = detail
        self.code = code ?? Self.code(of: status)
    }

    package init(_ failure: CommandFailure) {
        self.init(Self.status(of: failure.status), failure.message, code: failure.status.rawValue)
    }

    package func response(from request: Request, context: some RequestContext) -> Response {
        if request.isOfBrowser { return page }
        let json = JSON.object([
            ("type", .text("about:blank")), ("title", .text(status.reasonPhrase)),
            ("status", .number(status.code)), ("detail", .text(detail)), ("code", .number(Int(code))),
        ])
        var headers = headers
        headers[.contentType] = "application/problem+json"
        let text = JSON.text(json, indent: 1) + "\n"
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }

    /// For a person: says what the JSON says.
    private var page: Response {
        let text = Dashboard.problem(
            status: status.code,
            title: status.reasonPhrase,
            detail: detail,
            visitor: nil,
            now: nil
        )
        var response = Response.text(text, "text/html; charset=utf-8", status)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }

    private static func status(of status: ExitStatus) -> HTTPResponse.Status {
        switch status {
        case .usage, .badInput: .unprocessableContent
        case .unavailable: .serviceUnavailable
        case .forbidden: .forbidden
        case .held, .failed, .rolledBack, .rollbackFailed, .waiting: .conflict
        case .done, .interrupted, .terminated: .internalServerError
        }
    }

    private static func code(of status: HTTPResponse.Status) -> Int32 {
        switch status.code {
        case 401, 403: ExitStatus.forbidden.rawValue
        case 429: ExitStatus.unavailable.rawValue
        case 409: ExitStatus.held.rawValue
        case 400..<500: ExitStatus.badInput.rawValue
        default: ExitStatus.unavailable.rawValue
        }
    }
}

/// Answers every failure as a ``Problem``; what nobody expected is told in the log alone.
package struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    package init() {}

    package func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response(from: request, context: context)
        } catch let failure as CommandFailure {
            return Problem(failure).response(from: request, context: context)
        } catch let error as RunStoreError {
            return Problem(CommandFailure(error)).response(from: request, context: context)
        } catch let error as any HTTPResponseError {
            let answer = try error.response(from: request, context: context)
            let status = error.status
            var problem = Problem(status, Self.detail(of: error, request))
            problem.headers = answer.headers.withoutContent
            return problem.response(from: request, context: context)
        } catch {
            context.logger.error("request failed", metadata: ["error": "\(error)"])
            let problem = Problem(.internalServerError, "this should not happen: the log says more")
            return problem.response(from: request, context: context)
        }
    }

    private static func detail(of error: any HTTPResponseError, _ request: Request) -> String {
        if let error = error as? HTTPError, let body = error.body { return body }
        return error.status == .notFound
            ? "there is nothing at \(request.uri.path)" : error.status.reasonPhrase
    }
}

extension Request {
    /// Whether somebody looks at pages with it; the API answers browsers as it answers everyone.
    fileprivate var isOfBrowser: Bool {
        !uri.path.hasPrefix("/v1/") && headers[.accept]?.contains("text/html") == true
    }
}

extension HTTPFields {
    fileprivate var withoutContent: HTTPFields {
        var fields = self
        fields[.contentType] = nil
        fields[.contentLength] = nil
        return fields
    }
}
