package import SafeFile

/// What every rollback script beside a balancer's file begins with.
package enum RescueHead {
    /// Names the files, takes the lock and raises the epoch, on a full disk too.
    ///
    /// Needs `sh`, `sed`, `mv`, `dd` and `head`; takes the lock where `flock` is installed. After it, `$file`, `$previous`,
    /// `$mark` and `$replaced` are paths, `put TEXT` makes a text the file's and keeps the one before as `$replaced`,
    /// and `complain WORDS` sets `$status` to 1. `purpose` is put at the top, as a comment.
    package static func text(_ file: MarkedFile, purpose: String) -> String {
        """
        #!/bin/sh
        \(purpose.split(separator: "\n").map { "# \($0)" }.joined(separator: "\n"))
        set -u
        file=\(quoted(file.path))
        previous=\(quoted(file.previousPath))
        mark=\(quoted(file.markPath))
        replaced=\(quoted(file.sidePath("replaced")))
        lock=\(quoted(file.lockPath))
        status=0
        complain() { echo "$1" >&2; status=1; }
        # On a full disk a text goes over the one that is there, whose room it has.
        over() { dd of="$1" conv=notrunc 2>/dev/null; }
        put() {
            if cp -p "$file" "$replaced.new" && cat "$1" >"$replaced.new"; then
                [ "$1" = "$replaced" ] || cp -p "$file" "$replaced"
                mv "$replaced.new" "$file"
            else
                rm -f "$replaced.new"
                over "$file" <"$1" && truncate -s "$(wc -c <"$1")" "$file"
            fi
        }
        if command -v flock >/dev/null 2>&1 && exec 9>>"$lock"; then
            if ! flock -w 0.4 9; then
                # A bgdeploy that hangs with the lock in its hand is killed: whatever it wrote is whole.
                inode=$(stat -c %i "$lock")
                holder=$(sed -n "s/^[0-9]*: FLOCK  *ADVISORY  *WRITE  *\\([0-9]*\\) [^ ]*:$inode .*/\\1/p" /proc/locks | head -n 1)
                case $(readlink "/proc/${holder:-0}/exe") in
                */bgdeploy*) kill -9 "$holder" ;;
                esac
                flock -w 0.4 9 || echo "another process holds the lock; going on" >&2
            fi
        fi
        # A higher epoch keeps every bgdeploy that is still under way from undoing this.
        token() { sed -n '/"token"/,/}/s/.*"epoch" *: *\\([0-9][0-9]*\\).*/\\1/p' "$mark"; }
        raise() { sed "/\\"token\\"/,/}/s/\\(\\"epoch\\" *: *\\)[0-9][0-9]*/\\1$(($(token) + 1))/" "$mark"; }
        if raised=$(raise) && [ -n "$raised" ]; then
            if printf '%s\\n' "$raised" >"$mark.new"; then mv "$mark.new" "$mark"; else
                rm -f "$mark.new"
                printf '%s\\n' "$raised" | over "$mark" || complain "$mark could not be raised: stop every bgdeploy that is under way"
            fi
        else
            complain "$mark could not be read: stop every bgdeploy that is under way"
        fi

        """
    }

    /// `word` as one word of a shell.
    package static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: "'\\''") + "'" }

    /// A command with its arguments.
    package static func line(_ command: [String]) -> String {
        command.map(quoted).joined(separator: " ")
    }
}
