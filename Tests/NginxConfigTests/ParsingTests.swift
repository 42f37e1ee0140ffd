import Testing

@testable import NginxConfig

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func configuration(_ text: String) throws -> NginxConfiguration {
    try NginxConfiguration(parsing: bytes(text))
}

struct ParsingTests {
    @Test(arguments: [
        "", " \n", "# only a comment", "pid /run/nginx.pid;", "a;b;c{}d{e{f;}}",
        "upstream app{server a;server b;}", "upstream\r\n  app\r\n{\r\n server a ; # x\r\n}\r\n",
        "# head { not a block }\nserver 'a;b{}' \"c\\\"d\";", "map $a $b { \"a;b{}\" 'x'; ~^\\d+$ y; }",
        "log_format x ${remote_addr}{x} ;}".replacing("{x} ;}", with: ";"),
        "if ($x ~* \"a{2}\") { return 200; }",
        "a b\\ c\\;d;", "a # b ; {\n c # d }\n ;", "a ${{b;", "x \\\n;", "x a#b'c\"d;",
        "set_by_lua_block $x { return \"}\" .. '}' -- }\n --[[ } ]] .. [==[ ]] } ]==] .. ({})[1] }",
        "content_by_lua_block { local s = 'it\\'s }' -- don't\n } a;",
    ])
    func `what nginx accepts comes back byte for byte`(text: String) throws {
        #expect(try configuration(text).bytes == bytes(text))
    }

    @Test(arguments: [
        ("\u{FEFF}pid a;", 1, 1, "byte order mark"),
        ("http {\n  server {\n }\n", 1, 1, "never closed"),
        ("a {\n  b {\n", 2, 3, "never closed"),
        ("a;\n b c", 2, 2, "not ended"),
        ("a {\n b }", 2, 4, "unexpected \"}\""),
        ("a;\n}", 2, 1, "unexpected \"}\""),
        (";", 1, 1, "unexpected \";\""),
        ("a { {", 1, 5, "unexpected \"{\""),
        ("a 'b\nc;", 1, 3, "quote"),
        ("a \"b\"c;", 1, 6, "unexpected \"c\""),
        ("a \"b\"}", 1, 6, "unexpected \"}\""),
        ("a \\", 1, 1, "not ended"),
        ("x_by_lua_block { \"}", 1, 1, "Lua"),
        ("x_by_lua_block { --[[ }", 1, 1, "Lua"),
    ])
    func `what nginx refuses is an error with its place`(text: String, line: Int, column: Int, words: String)
    {
        let error = #expect(throws: ConfigurationError.self) { try configuration(text) }
        #expect(error?.line == line)
        #expect(error?.column == column)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `nesting a hundred thousand deep neither traps nor takes long`() throws {
        let deep = bytes(String(repeating: "a{", count: 100_000) + String(repeating: "}", count: 100_000))
        #expect(try NginxConfiguration(parsing: deep).bytes.count == deep.count)
        #expect(throws: ConfigurationError.self) { try NginxConfiguration(parsing: deep.dropLast()) }
    }

    @Test func `directives are found by their blocks, unquoted`() throws {
        let text =
            "events{}\npid \"/run/a b.pid\" ;http { error_log x\\\"y warn; server { error_log z; } }\nhttp { gzip on; }"
        let parsed = try configuration(text)
        #expect(parsed.arguments(ofFirst: "pid") == ["/run/a b.pid"])
        #expect(parsed.arguments(ofFirst: "error_log") == nil)
        #expect(parsed.arguments(ofFirst: "error_log", in: ["http"]) == ["x\"y", "warn"])
        #expect(parsed.arguments(ofFirst: "error_log", in: ["http", "server"]) == ["z"])
        #expect(parsed.arguments(ofFirst: "gzip", in: ["http"]) == ["on"])
        #expect(parsed.arguments(ofFirst: "events") == [])
        #expect(parsed.arguments(ofFirst: "pid", in: ["http"]) == nil)
    }

    @Test func `an upstream lists the files that it includes`() throws {
        let text = "include no;\nupstream app {\n include 'a*.conf';\n server a; include b;\n}\ninclude no;"
        let includes = try configuration(text).upstreams(named: "app")[0].includes
        #expect(includes.map(\.pattern) == ["a*.conf", "b"])
        #expect(includes.map(\.line) == [3, 4])
    }

    @Test func `upstreams are blocks wherever they stand, but not words, comments or Lua`() throws {
        let text = """
            # upstream no { server x; }
            upstream app { server a; }
            http { upstream "a\\\\b" { least_conn; zone z 64k; server b; include more; }
              map $x $upstream { upstream no; }
              server { return 200 'upstream no { server c; }'; content_by_lua_block { upstream = { no } } } }
            tcp { upstream relay { server e; check interval=3000; } }
            stream { upstream app { server unix:/run/x weight=3 down backup; server d weight=2 weight=07; } }
            """
        let parsed = try configuration(text)
        #expect(parsed.upstreamNames == ["app", "a\\b", "relay", "app"])
        let both = parsed.upstreams(named: "app")
        #expect(both.map(\.line) == [2, 7])
        #expect(both[0].balancing == nil && !both[0].hasZone)
        let server = both[1].servers[0]
        #expect(server.address == "unix:/run/x" && server.weight == 3 && server.isDown && server.isBackup)
        #expect(server.line == 7 && server.index == 0)
        #expect(both[1].servers[1].weight == 7)
        let quoted = try #require(parsed.upstreams(named: "a\\b").first)
        #expect(quoted.balancing == "least_conn" && quoted.hasZone)
        #expect(quoted.includes.map(\.pattern) == ["more"])
        #expect(parsed.upstreams(named: "no").isEmpty)
    }
}
