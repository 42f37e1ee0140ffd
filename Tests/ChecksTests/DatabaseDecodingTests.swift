import Checks
import DeployPorts
import Testing

@Suite struct DatabaseDecodingTests {
    @Test(arguments: [
        ("postgres", "select 1", ["1:1: `postgres` must be a mapping of keys to values, found `select 1`"]),
        (
            "postgres", "{ }",
            ["1:1: `postgres` needs the key `url`", "1:1: `postgres` needs the key `query` or `statement`"]
        ),
        (
            "postgres", "{ url: \"postgresql://u:pw@h/d\", query: a }",
            [
                "1:8: `url` has a password in it: put it, or the whole URL, into a secret, "
                    + "as in \"${secret.DATABASE_URL}\""
            ]
        ),
        (
            "postgres", "{ url: \"${secret.A}\", query: a, statement: b }",
            ["1:44: `postgres` takes one of `query` and `statement`"]
        ),
        (
            "postgres", "{ url: \"${secret.A}\", statement: b }",
            ["1:34: a `statement` may change something: confirm it with `writes: true`, or use `query`"]
        ),
        (
            "postgres", "{ url: \"${secret.A}\", query: b, writes: true }",
            ["1:41: a `query` only looks; with `writes: true` use `statement`"]
        ),
        (
            "postgres", "{ url: \"${secret.A}\", query: \"select '${version}'\", expcet: 1 }",
            [
                "1:30: `${version}` stands within quotes; write it without them, it is sent as a value of its own",
                "1:53: `postgres` has no key `expcet`; did you mean `expect`?",
            ]
        ),
        (
            "postgres", "{ url: \"${secret.A}\", query: b, expect: { n: { a: 1 }, m: \"< x\" } }",
            [
                "1:46: `expect.n` must be a value or a condition, found a mapping",
                "1:59: `expect.m`: `< x` compares with no number; a condition is written `< 100` or `!= 0`",
            ]
        ),
        ("redis", "PING", ["1:1: `redis` must be a mapping of keys to values, found `PING`"]),
        ("redis", "{ }", ["1:1: `redis` needs the key `url`", "1:1: `redis` needs the key `command`"]),
        (
            "redis", "{ url: \"redis://:pw@h\", command: PING, within: x }",
            [
                "1:8: `url` has a password in it: put it, or the whole URL, into a secret, "
                    + "as in \"${secret.REDIS_URL}\"",
                "1:34: `command` must be a list, found `PING`",
                "1:48: `within` must be a duration such as 250ms, 30s, 10m, 1h30m or 7d, found `x`",
            ]
        ),
        (
            "redis", "{ url: \"${secret.R}\", command: [] }",
            ["1:32: `command` is empty; write it as [PING] or [GET, key]"]
        ),
        (
            "redis", "{ url: \"${secret.R}\", command: [FLUSHALL] }",
            [
                "1:33: `FLUSHALL` is not one of the commands that are known to only look; "
                    + "if it shall be carried out, add `writes: true`"
            ]
        ),
        (
            "redis", "{ url: \"${secret.R}\", command: [config, set, a, b] }",
            [
                "1:33: `CONFIG SET` is not one of the commands that are known to only look; "
                    + "if it shall be carried out, add `writes: true`"
            ]
        ),
        (
            "redis", "{ url: \"${secret.R}\", command: [monitor], writes: true }",
            ["1:33: `MONITOR` is no question with one answer"]
        ),
        (
            "redis", "{ url: \"${secret.R}\", command: [\"${version}\"] }",
            ["1:33: the command itself must be written out, found `${version}`"]
        ),
    ])
    func `mistakes are reported at their places`(key: String, text: String, messages: [String]) {
        let (action, found) = StepBench.decode(CheckKinds.named(key), text)
        #expect(found == messages)
        #expect(action == nil)
    }

    @Test func `what writes does not only look`() throws {
        let postgres = CheckKinds.named("postgres")
        #expect(try StepBench.make(postgres, "{ url: \"${secret.A}\", query: a }").isReadOnly)
        #expect(
            try !StepBench.make(postgres, "{ url: \"${secret.A}\", statement: a, writes: true }").isReadOnly
        )
        let redis = CheckKinds.named("redis")
        #expect(try StepBench.make(redis, "{ url: \"${secret.A}\", command: [GET, a] }").isReadOnly)
        #expect(
            try !StepBench.make(redis, "{ url: \"${secret.A}\", command: [DEL, a], writes: true }").isReadOnly
        )
    }

    @Test func `every reference is told, so that unknown ones are found before a run`() throws {
        let text = "{ url: \"${secret.A}\", query: \"select ${run}\", expect: { n: \"${version}\" } }"
        let step = try StepBench.make(CheckKinds.named("postgres"), text)
        #expect(step.references.map(\.name) == ["secret.A", "run", "version"])
        #expect(step.summary == "postgres select ${run}")
    }
}
