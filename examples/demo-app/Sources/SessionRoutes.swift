import HTTPTypes
import Hummingbird

/// A small piece of business to smoke-test: create a session, add to it, finalize it, delete it.
struct SessionRoutes {
    private struct NewSession: Decodable {
        let title: String?
    }

    private struct SessionAnswer: ResponseEncodable {
        let sessionID: Int
        let title: String
        let status: SessionStore.Session.Status
        let segments: Int

        init(_ session: SessionStore.Session) {
            sessionID = session.id
            title = session.title
            status = session.status
            segments = session.segments
        }

        enum CodingKeys: String, CodingKey {
            case title, status, segments
            case sessionID = "session_id"
        }
    }

    private struct SegmentAnswer: ResponseEncodable {
        let segmentID: Int
        var status = "created"

        enum CodingKeys: String, CodingKey {
            case status
            case segmentID = "segment_id"
        }
    }

    let store: SessionStore

    func add(to group: RouterGroup<DemoContext>) {
        group.get { [store] _, _ in store.all().map(SessionAnswer.init) }
        group.post { [store] request, context in
            let wanted = try await request.decode(as: NewSession.self, context: context)
            return EditedResponse(
                status: .created,
                response: SessionAnswer(store.create(title: wanted.title ?? "untitled"))
            )
        }
        group.get(":id") { [store] _, context in
            try SessionAnswer(existing(store.find(context.parameters.require("id", as: Int.self))))
        }
        group.post(":id/segments") { [store] _, context in
            let segment = try existing(store.addSegment(to: context.parameters.require("id", as: Int.self)))
            return EditedResponse(status: .created, response: SegmentAnswer(segmentID: segment))
        }
        group.post(":id/finalize") { [store] _, context in
            try SessionAnswer(existing(store.finalize(context.parameters.require("id", as: Int.self))))
        }
        group.delete(":id") { [store] _, context -> HTTPResponse.Status in
            guard store.delete(try context.parameters.require("id", as: Int.self)) else { throw noSession }
            return .noContent
        }
    }

    private var noSession: HTTPError { HTTPError(.notFound, message: "no such open session") }

    private func existing<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw noSession }
        return value
    }
}
