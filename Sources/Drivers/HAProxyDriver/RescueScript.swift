import BalancerFiles
import SafeFile

/// A shell script beside the file that puts the stable environment back with neither bgdeploy nor its state.
///
/// It needs `sh`, and for the socket one of socat, perl and python3; without them the files are put back and
/// HAProxy has to be reloaded. What runs is changed before any file, so that a full disk does not stop it.
struct RescueScript {
    let file: MarkedFile
    let socket: String
    /// For the socket, in their order.
    let commands: [String]
    /// The share map's path and its text for the stable environment.
    let map: (path: String, text: [UInt8])?
    let reload: [String]?

    var text: String {
        RescueHead.text(
            file,
            purpose: """
                Puts back the split and the text that were in force before bgdeploy's last run.
                The text that it replaces is kept beside it as …replaced. Run it as root or as HAProxy's user.
                """
        ) + """
            socket=\(Self.quoted(socket))
            tell() {
                if command -v socat >/dev/null 2>&1; then
                    echo "$1" | socat - "UNIX-CONNECT:$socket"
                elif command -v perl >/dev/null 2>&1; then
                    perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new($ARGV[0]) or die "$ARGV[0]: $!\\n";
                        print $s "$ARGV[1]\\n"; $s->flush; print while <$s>' "$socket" "$1"
                else
                    python3 -c 'import socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall((sys.argv[2] + "\\n").encode())
            sys.stdout.write(s.makefile().read())' "$socket" "$1"
                fi
            }
            said() {
                answer=$(tell "$1") || complain "HAProxy could not be told at $socket"
                [ -z "$(printf %s "$answer" | tr -d '[:space:]')" ] || complain "$answer"
            }
            before=$status
            status=0
            \(batches.map { "said \(Self.quoted($0))" }.joined(separator: "\n"))
            told=$status
            [ "$before" = 0 ] || status=1
            \(mapLines)put "$previous" || complain "$file could not be put back"
            \(reloadLines)[ "$status" = 0 ] && echo "the previous split and the previous text are back"
            exit "$status"

            """
    }

    /// One line has to fit into HAProxy's buffer.
    private var batches: [String] {
        stride(from: 0, to: commands.count, by: 40).map { start in
            commands[start..<min(start + 40, commands.count)].joined(separator: ";")
        }
    }

    private var mapLines: String {
        guard let map else { return "" }
        let text = String(decoding: map.text, as: UTF8.self)
        return """
            map=\(Self.quoted(map.path))
            if printf %s \(Self.quoted(text)) >"$map.new"; then mv "$map.new" "$map"; else
                rm -f "$map.new"
                printf %s \(Self.quoted(text)) | over "$map" && truncate -s \(map.text.count) "$map" ||
                    complain "$map could not be put back"
            fi

            """
    }

    private var reloadLines: String {
        guard let reload else {
            return
                "[ \"$told\" = 0 ] || echo \"reload HAProxy, which then reads the files that are back\" >&2\n"
        }
        return "[ \"$told\" = 0 ] || \(reload.map(Self.quoted).joined(separator: " "))\n"
    }

    private static func quoted(_ word: String) -> String { RescueHead.quoted(word) }
}
