import Hummingbird
import NIOCore

/// The fields of `application/x-www-form-urlencoded`; those left empty are not there.
struct Form {
    let fields: [String: String]

    static func read(_ request: Request, _ context: ServerContext) async throws -> Form {
        let buffer = try await request.body.collect(upTo: context.maxUploadSize)
        do {
            let text = String(buffer: buffer)
            return Form(fields: try URLEncodedFormDecoder().decode([String: String].self, from: text))
        } catch {
            throw Problem(.badRequest, "the form cannot be read")
        }
    }

    private init(fields: [String: String]) { self.fields = fields }

    subscript(name: String) -> String? { fields[name].flatMap { $0.isEmpty ? nil : $0 } }
}
