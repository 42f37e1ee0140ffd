import Hummingbird

/// Enters every request into the record; 5xx and unforeseen errors count as errors.
struct TrafficMiddleware<Context: RequestContext>: RouterMiddleware {
    let record: TrafficRecord

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        record.began()
        do {
            let response = try await next(request, context)
            record.ended(error: response.status.code >= 500)
            return response
        } catch {
            let status = (error as? any HTTPResponseError)?.status.code ?? 500
            record.ended(error: status >= 500)
            throw error
        }
    }
}
