@testable import BalancerLab
import DeployCore
import DeployPorts
import Testing

@testable import NginxDriver

struct GeneratedTextTests {
    private let settings: NginxSettings = {
        var settings = NginxSettings(
            file: "/etc/nginx/conf.d/shop.conf",
            upstream: "shop",
            environments: [
                EnvironmentSpec(name: blue, url: "", servers: ["10.0.0.1:80", "10.0.0.2:80"]),
                EnvironmentSpec(name: green, url: "", servers: ["unix:/run/green.sock"]),
            ],
            service: "web-shop"
        )
        settings.mode = .generated
        return settings
    }()

    /// Without comments that stand alone.
    private func lines(_ split: Split, _ settings: NginxSettings) throws -> String {
        let text = String(decoding: try GeneratedText.bytes(for: split, settings), as: UTF8.self)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") && !$0.contains("_generation") }
            .joined(separator: "\n")
    }

    @Test func `requests are divided by weights`() throws {
        let expected = """
            upstream shop {
                zone shop 67k;
                server 10.0.0.1:80 max_fails=0 weight=3; # blue
                server 10.0.0.2:80 max_fails=0 weight=3; # blue
                server unix:/run/green.sock max_fails=0 weight=2; # green
            }
            map "" $web_shop_pool { default shop; }
            """
        #expect(try lines(try greenHas(25), settings) == expected)
    }

    @Test func `users are divided by buckets, and chosen ones go first`() throws {
        var settings = settings
        settings.sticky = .cookie("sid")
        settings.chosenUsers = ChosenUsers(key: .header("X-User-Id"), values: ["ana", "include"])
        let tenth = try #require(Percent(tenths: 1))
        let expected = #"""
            upstream web_shop_blue {
                zone web_shop_blue 67k;
                server 10.0.0.1:80 max_fails=0;
                server 10.0.0.2:80 max_fails=0;
                server unix:/run/green.sock max_fails=0 backup; # green
            }
            upstream web_shop_green {
                zone web_shop_green 67k;
                server unix:/run/green.sock max_fails=0;
                server 10.0.0.1:80 max_fails=0 backup; # blue
                server 10.0.0.2:80 max_fails=0 backup; # blue
            }
            map $cookie_sid $web_shop_user { default $cookie_sid; '' $remote_addr; }
            split_clients "$web_shop_user" $web_shop_share { 0.1% web_shop_green; * web_shop_blue; }
            map $http_x_user_id $web_shop_listed {
                default '';
                ana ana;
                \include include;
            }
            map "${web_shop_listed}:$http_x_user_id" $web_shop_pool {
                default $web_shop_share;
                "~^([0-9A-Za-z._@+=-]+):\1$" web_shop_green;
            }
            """#
        #expect(try lines(Split(green, tenth, other: blue, chosen: green), settings) == expected)
    }

    @Test func `chosen users without a list are refused`() {
        #expect(throws: LoadBalancerError.self) {
            _ = try GeneratedText.bytes(for: Split(green, .zero, other: blue, chosen: green), settings)
        }
    }

    @Test func `a text tells its split, and any other byte is an edit`() throws {
        let split = Split(green, try #require(Percent(tenths: 125)), other: blue)
        let bytes = try GeneratedText.bytes(for: split, settings)
        let file = try GeneratedFile(bytes, path: "f", settings: settings)
        #expect(file.split == split)
        #expect(file.generation?.hasPrefix("blue=87.5,green=12.5 ") == true)
        #expect(try file.text(for: split) == bytes)
        for offset in stride(from: 60, to: bytes.count, by: 7) {
            var edited = bytes
            edited[offset] ^= 1
            #expect(try GeneratedFile(edited, path: "f", settings: settings).isEdited, "byte \(offset)")
        }
    }

    @Test func `a generation is read as it is written`() throws {
        let quarter = try #require(Percent(25))
        for split in [
            Split(green, quarter, other: blue), Split(blue, .full, other: green),
            Split(green, .zero, other: blue, chosen: green), Split(green, quarter, other: blue, chosen: blue),
        ] {
            let generation = Generation(split, digest: "0123456789abcdef")
            #expect(Generation(generation.description) == generation)
        }
    }

    @Test(arguments: [
        "", "blue", "blue=75,green=25", "blue=75,green=26 0123456789abcdef", "blue=75 0123456789abcdef",
        "blue=75,green=25 012", "blue=50,blue=50 0123456789abcdef", "blue=,green=100 0123456789abcdef",
        "blue=75+users,green=25+users 0123456789abcdef", "blue=101,green=-1 0123456789abcdef",
    ])
    func `what is no generation is refused`(text: String) {
        #expect(Generation(text) == nil)
    }
}
