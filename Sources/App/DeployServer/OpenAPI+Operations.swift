import DeployOperations

extension OpenAPI {
    private static let json = "application/json"
    private static let plain = "text/plain"
    /// The highest whole number that every reader of JSON has.
    static let lastNumber = 9_007_199_254_740_991

    private static func number(_ name: String, _ lowest: Int, _ highest: Int) -> Parameter {
        Parameter(
            name: name,
            schema: .object([
                ("type", .text("integer")), ("minimum", .number(lowest)), ("maximum", .number(highest)),
            ])
        )
    }

    static let operations: [Operation] = services + runs + tokens + operating

    private static let services = [
        Operation(
            method: "get",
            path: "/v1/services",
            name: "listServices",
            summary: "Where each service stands.",
            answers: [(200, json, "Services")]
        ),
        Operation(
            method: "get",
            path: "/v1/services/{service}",
            name: "getService",
            summary: "Where a service stands, as observed and as journalled.",
            answers: [(200, json, "Status")]
        ),
        Operation(
            method: "get",
            path: "/v1/services/{service}/plan",
            name: "getPlan",
            summary: "What a run of a version would do; changes nothing.",
            query: [
                Parameter(name: "version", schema: Schemas.version, isRequired: true),
                Parameter(name: "strategy"), Parameter(name: "format", schema: Schemas.word("json", "text")),
            ],
            answers: [(200, json, "Object"), (200, plain, nil)]
        ),
        Operation(
            method: "get",
            path: "/v1/services/{service}/lease",
            name: "getLease",
            summary: "Who holds the service; null when nobody does.",
            answers: [(200, json, "Anything")]
        ),
        Operation(
            method: "get",
            path: "/v1/services/{service}/queue",
            name: "getQueue",
            summary: "Runs that wait for the service, oldest first.",
            answers: [(200, json, "Queue")]
        ),
        Operation(
            method: "delete",
            path: "/v1/services/{service}/queue/{run}",
            name: "dismissQueued",
            summary: "Takes a run out of the queue that has not begun.",
            answers: [(200, json, "Queued")]
        ),
        Operation(
            method: "post",
            path: "/v1/services/{service}/runs",
            name: "beginRun",
            summary: "Deploys a version; 202 when it waits in the queue.",
            body: "RunOrder",
            canBeRepeated: true,
            answers: [(201, json, "Run"), (202, json, "Queued")]
        ),
        Operation(
            method: "post",
            path: "/v1/services/{service}/rollback",
            name: "rollBack",
            summary: "Puts users back to the environment that was live before; 202 while it goes on.",
            body: "RollbackOrder",
            canBeRepeated: true,
            answers: [(200, json, "Run"), (202, json, "Run")]
        ),
        Operation(
            method: "put",
            path: "/v1/services/{service}/traffic",
            name: "setTraffic",
            summary: "Sets the split by hand, outside of any run.",
            body: "TrafficOrder",
            canBeRepeated: true,
            answers: [(200, json, "Status")]
        ),
    ]

    private static let runs = [
        Operation(
            method: "get",
            path: "/v1/runs",
            name: "listRuns",
            summary: "Runs, newest first.",
            query: [Parameter(name: "service"), number("limit", 1, 200), Parameter(name: "cursor")],
            answers: [(200, json, "Runs")]
        ),
        Operation(
            method: "get",
            path: "/v1/runs/{run}",
            name: "getRun",
            summary: "A run, by its identity or a prefix that names one.",
            answers: [(200, json, "Run")]
        ),
        Operation(
            method: "get",
            path: "/v1/runs/{run}/events",
            name: "listEvents",
            summary: "A run's journal; as Server-Sent Events with `Accept: text/event-stream`.",
            query: [number("after", 0, lastNumber), number("limit", 1, 200)],
            answers: [(200, json, "Events"), (200, "text/event-stream", nil)]
        ),
        Operation(
            method: "get",
            path: "/v1/runs/{run}/journal",
            name: "getJournal",
            summary: "A run's journal as it is written.",
            query: [number("after", 0, lastNumber)],
            answers: [(200, json, "Object")]
        ),
        Operation(
            method: "get",
            path: "/v1/runs/{run}/playbook",
            name: "getPlaybook",
            summary: "The playbook that the run was begun with.",
            answers: [(200, "application/yaml", "Anything")]
        ),
        Operation(
            method: "get",
            path: "/v1/runs/{run}/report",
            name: "getReport",
            summary: "A run's report: cause, impact, evidence, timeline.",
            query: [
                Parameter(name: "format", schema: Schemas.word("markdown", "html", "json"))
            ],
            answers: [(200, "text/markdown", nil), (200, "text/html", nil), (200, json, "Object")]
        ),
        Operation(
            method: "get",
            path: "/v1/runs/{run}/steps/{step}/log",
            name: "getLog",
            summary: "What a step printed, the end of it, as far as it is on this host.",
            answers: [(200, plain, nil)]
        ),
        Operation(
            method: "post",
            path: "/v1/runs/{run}/commands",
            name: "postCommand",
            summary: "Sends a command to whoever drives the run.",
            body: "CommandOrder",
            canBeRepeated: true,
            answers: [(202, json, "Posted")]
        ),
        Operation(
            method: "post",
            path: "/v1/runs/{run}/notes",
            name: "addNotes",
            summary: "Writes into the run's journal what people know of it.",
            body: "NoteOrder",
            canBeRepeated: true,
            answers: [(201, json, "Object")]
        ),
        Operation(
            method: "get",
            path: "/v1/commands/{command}",
            name: "getReply",
            summary: "What became of a command.",
            answers: [(200, json, "Reply")]
        ),
        Operation(
            method: "get",
            path: "/v1/audit",
            name: "verifyJournal",
            summary: "Recomputes the journal's hash chain.",
            answers: [(200, json, "Object")]
        ),
    ]

    private static let tokens = [
        Operation(
            method: "get",
            path: "/v1/tokens",
            name: "listTokens",
            summary: "Tokens, without what their bearers hold.",
            answers: [(200, json, "Object")]
        ),
        Operation(
            method: "post",
            path: "/v1/tokens",
            name: "createToken",
            summary: "Makes a token; the answer is the only place where it is shown.",
            body: "TokenOrder",
            answers: [(201, json, "Object")]
        ),
        Operation(
            method: "delete",
            path: "/v1/tokens/{token}",
            name: "revokeToken",
            summary: "Ends a token, now.",
            answers: [(200, json, "Object")]
        ),
    ]

    private static let operating = [
        Operation(
            method: "get",
            path: "/v1/openapi.json",
            name: "getDescription",
            summary: "This document.",
            answers: [(200, json, "Object")],
            isOpen: true
        ),
        Operation(
            method: "get",
            path: "/livez",
            name: "isAlive",
            summary: "Whether the process lives.",
            answers: [(200, plain, nil)],
            isOpen: true
        ),
        Operation(
            method: "get",
            path: "/readyz",
            name: "isReady",
            summary: "Whether the journal can be read and new runs are taken.",
            answers: [(200, plain, nil), (503, "application/problem+json", "Problem")],
            isOpen: true
        ),
        Operation(
            method: "get",
            path: "/metrics",
            name: "getMetrics",
            summary: "Prometheus metrics (docs/reference/metrics.md).",
            answers: [(200, plain, nil)]
        ),
    ]
}
