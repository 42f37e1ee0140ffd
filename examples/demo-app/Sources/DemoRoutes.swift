import HTTPTypes
import Hummingbird

/// Puts the endpoints together: faults reach the service itself and its health, never `/admin` and `/live`.
struct DemoRoutes {
    let state: DemoState

    func router() -> Router<DemoContext> {
        let router = Router(context: DemoContext.self)

        let service = router.group()
            .add(middleware: TrafficMiddleware(record: state.traffic))
            .add(middleware: FaultMiddleware(state: state, reach: .all))
        service.get("/") { [identity = state.identity] request, context in
            try FrontPage(identity: identity).response(to: request, context: context)
        }
        SessionRoutes(store: state.sessions).add(to: service.group("api/sessions"))

        let health = router.group("api/health").add(
            middleware: FaultMiddleware(state: state, reach: .hangOnly)
        )
        HealthRoutes(state: state).add(to: health)
        router.get("live") { _, _ in Alive() }

        MetricsRoutes(state: state).add(to: router.group("api/metrics"))
        router.get("api/flags") { _, _ in ["new_editor": false, "fast_search": true] }
        AdminRoutes(state: state).add(to: router.group("admin"))
        router.get("ws") { [sockets = state.sockets] _, _ -> Response in
            // Only what was not upgraded comes this far.
            throw sockets.count.draining
                ? HTTPError(.serviceUnavailable, message: "draining: no new WebSockets")
                : HTTPError(
                    .upgradeRequired,
                    headers: [.upgrade: "websocket"],
                    message: "a WebSocket, please"
                )
        }
        return router
    }

    private struct Alive: ResponseEncodable {
        var status = "alive"
    }
}
