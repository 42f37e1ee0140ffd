import BalancerFiles
import SafeFile

/// A shell script beside the file that puts the stable environment back with neither bgdeploy nor its state.
enum RescueScript {
    /// Needs `sh`, `sed`, `cp`, `mv` and nginx.
    static func text(_ file: MarkedFile, test: [String], reload: [String], folder: String) -> String {
        RescueHead.text(
            file,
            purpose: """
                Puts back the text that was in force before bgdeploy's last run, tests it and reloads nginx.
                The text that it replaces is kept beside it as …replaced. Run it as root or as nginx's user.
                """
        ) + """
            cd \(RescueHead.quoted(folder)) || exit 1
            put "$previous" || { echo "$file could not be put back" >&2; exit 1; }
            if ! \(RescueHead.line(test)); then
                put "$replaced"
                echo "nginx refused the previous text; nothing was changed" >&2
                exit 1
            fi
            \(RescueHead.line(reload)) || { echo "nginx was not told; the previous text is back" >&2; exit 1; }
            echo "the previous text is back and nginx was told to load it"
            exit "$status"

            """
    }
}
