extension Dashboard {
    /// What `/assets/dashboard.css` holds.
    package static let css = [colours, frame, parts, lists, charts].joined(separator: "\n\n") + "\n"

    /// Text on its ground has at least 4.5 to 1 in both schemes, the edges of what one can press 3 to 1.
    private static let colours = """
        :root {
          color-scheme: light dark; --page: #f6f7f9; --box: #fff; --text: #18202b; --faint: #566273;
          --rule: #dce1e8; --edge: #8591a1; --link: #1559a8; --blue: #1f6fc4; --green: #15803d;
          --bad: #b3261e; --warn: #8a5a00; --good: #15703a; --busy: #1559a8; --bad-box: #fdecea;
          --warn-box: #fdf3dc; --good-box: #e5f5ea; --busy-box: #e6f0fb; --calm-box: #eceff3;
          --press: #1559a8; --press-text: #fff; --danger: #b3261e; --danger-text: #fff;
          --mono: ui-monospace,SFMono-Regular,"Cascadia Mono","DejaVu Sans Mono",Menlo,Consolas,monospace;
        }
        @media (prefers-color-scheme:dark) {
          :root {
            --page: #0f1319; --box: #171d25; --text: #e6ebf2; --faint: #9ba8b9; --rule: #2b3440;
            --edge: #6c7888; --link: #86bdf7; --blue: #4c97e8; --green: #41b469; --bad: #ff8d80;
            --warn: #e6b450; --good: #6fd695; --busy: #86bdf7; --bad-box: #3a1917; --warn-box: #35290f;
            --good-box: #12301e; --busy-box: #14283f; --calm-box: #232b36; --press: #86bdf7;
            --press-text: #0b1a2b; --danger: #ff8d80; --danger-text: #2b0705;
          }
        }
        """

    /// The page around its content.
    private static let frame = """
        * { box-sizing: border-box; }
        html {
          font: 93.75%/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
          -webkit-text-size-adjust: 100%;
        }
        body {
          margin: 0; color: var(--text); background: var(--page); font-variant-numeric: tabular-nums;
          overflow-wrap: break-word;
        }
        a { color: var(--link); text-underline-offset: .15em; text-decoration-thickness: 1px; }
        :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
        main:focus { outline: none; }
        h1 {
          font-size: 1.6rem; line-height: 1.25; margin: .2rem 0; font-weight: 650;
          letter-spacing: -.01em;
        }
        h2 { font-size: 1rem; line-height: 1.3; margin: 0 0 .6rem; font-weight: 650; }
        p { margin: .4rem 0; max-width: 70ch; }
        pre, code { font: .9em/1.45 var(--mono); }
        pre {
          margin: .4rem 0; padding: .6rem .75rem; background: var(--calm-box); border-radius: 6px;
          overflow: auto; max-height: 22rem; white-space: pre-wrap; overflow-wrap: anywhere;
        }
        ol, ul, dl { list-style: none; margin: 0; padding: 0; }
        .unseen {
          position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
          clip-path: inset(50%); white-space: nowrap;
        }
        .skip {
          position: absolute; left: .5rem; top: -4rem; padding: .5rem .75rem; background: var(--box);
          z-index: 2;
        }
        .skip:focus { top: .5rem; }
        .faint { color: var(--faint); }
        .pre { white-space: pre-wrap; }
        .person, .bad { color: var(--bad); }
        .top {
          display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.25rem;
          padding: .55rem 1.25rem; background: var(--box); border-bottom: 1px solid var(--rule);
        }
        .top nav { display: flex; gap: 1.1rem; }
        .top nav a {
          color: var(--text); text-decoration: none; padding: .35rem 0;
          border-bottom: 2px solid transparent;
        }
        .top nav a:hover { border-color: var(--edge); }
        .top nav a[aria-current] { font-weight: 650; border-color: var(--link); }
        .top p { margin: 0; }
        .who { display: flex; align-items: center; gap: .75rem; margin-left: auto; }
        #live { display: flex; align-items: center; gap: .4rem; color: var(--faint); font-size: .87rem; }
        #live[hidden] { display: none; }
        .lamp {
          width: .55rem; height: .55rem; border-radius: 50%; border: 2px solid var(--good);
          background: var(--good);
        }
        .lost .lamp { background: none; border-color: var(--bad); }
        .lost { color: var(--bad); }
        main { max-width: 78rem; margin: 0 auto; padding: 1.1rem 1.25rem 4rem; }
        section { margin: 1.6rem 0 0; }
        .title { margin-bottom: .9rem; }
        .title h1 { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .8rem; }
        .crumbs { margin: 0; font-size: .87rem; color: var(--faint); }
        .links { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin-top: .7rem; }
        .links a { padding: .2rem 0; }
        .columns { display: grid; grid-template-columns: minmax(0,5fr) minmax(0,7fr); gap: 0 2.2rem; }
        @media (max-width:60rem) {
          .columns { grid-template-columns: minmax(0,1fr); }
        }
        @media (max-width:40rem) {
          main, .top { padding-left: .9rem; padding-right: .9rem; }
          .top .faint { display: none; }
        }
        @media print {
          .top, .skip, .offers, .start { display: none; }
          body { background: #fff; }
        }
        """
}
