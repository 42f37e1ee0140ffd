import BalancerFiles
import DeployCore
import SafeFile

/// A shell script beside the file that puts the stable environment back with neither bgdeploy nor its state.
enum BoardScript {
    /// Needs `sh`, `sed`, `ln`, `mv`, `cp` and `cat`, and reloads nothing.
    static func text(_ file: MarkedFile, board: Board) -> String {
        RescueHead.text(
            file,
            purpose: """
                Puts the link of the switchboard back to the environment that was live before bgdeploy's last run, and
                the weights with it. nginx sees it with its next request: nothing is reloaded. Works on a full disk too.
                """
        ) + """
            board=\(RescueHead.quoted(board.folder))
            stable=$(sed -n 's/.*"stable" *: *"\\([^"]*\\)".*/\\1/p' "$mark" | head -n 1)
            case $stable in
            \(RescueHead.quoted(board.environments[0].rawValue))) set=sets/0000 ;;
            \(RescueHead.quoted(board.environments[1].rawValue))) set=sets/1000 ;;
            *) echo "the mark does not tell which environment was live before; nothing was changed" >&2; exit 1 ;;
            esac
            if [ "$(readlink "$board/cur")" != "$set" ]; then
                # The link that was made ready needs no space; a new one does.
                if [ "$(readlink "$board/back")" = "$set" ]; then
                    mv -T "$board/back" "$board/cur" || exit 1
                else
                    ln -s "$set" "$board/rescue" && mv -T "$board/rescue" "$board/cur" || exit 1
                fi
            fi
            echo "the traffic is on $stable again"
            put "$previous" ||
                echo "the weights in $file could not be put back: do so before nginx runs without the switchboard" >&2
            exit "$status"

            """
    }
}
