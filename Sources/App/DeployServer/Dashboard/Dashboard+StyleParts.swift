extension Dashboard {
    /// Where users are, cards, buttons and forms.
    static let parts = """
        .icon {
          width: 1.05em; height: 1.05em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8;
          stroke-linecap: round; stroke-linejoin: round; vertical-align: -.15em;
        }
        .icon-dot { fill: currentColor; }
        .pill {
          display: inline-flex; align-items: center; gap: .35rem; padding: .1rem .6rem .1rem .45rem;
          border-radius: 1rem; font-size: .87rem; font-weight: 600; line-height: 1.5; letter-spacing: 0;
          white-space: nowrap;
        }
        .pill.calm { background: var(--calm-box); color: var(--faint); }
        .pill.busy { background: var(--busy-box); color: var(--busy); }
        .pill.warn { background: var(--warn-box); color: var(--warn); }
        .pill.good { background: var(--good-box); color: var(--good); }
        .pill.bad { background: var(--bad-box); color: var(--bad); }
        .hero, .card {
          background: var(--box); border: 1px solid var(--rule); border-radius: 10px;
          padding: 1rem 1.15rem;
        }
        .cards {
          display: grid; grid-template-columns: repeat(auto-fill,minmax(min(22rem,100%),1fr)); gap: 1rem;
          margin-top: 1rem;
        }
        .card { display: flex; flex-direction: column; gap: .55rem; }
        .card p, .hero p { margin: 0; }
        .card header { display: flex; justify-content: space-between; align-items: center; gap: .5rem; }
        .card h2 { font-size: 1.1rem; margin: 0; }
        .card h2 a { color: inherit; }
        .hero { display: flex; flex-direction: column; gap: .8rem; margin-top: 0; }
        .broken { border-color: var(--bad); }
        .sides { display: flex; justify-content: space-between; gap: 1rem; }
        .side { display: flex; flex-direction: column; flex: 1; min-width: 0; }
        .side:last-child:not(:first-child) { text-align: right; align-items: flex-end; }
        .side:last-child:not(:first-child) .where { justify-content: flex-end; }
        .side .version {
          font-size: 1.25rem; font-weight: 650; line-height: 1.25; overflow-wrap: anywhere;
          letter-spacing: -.01em;
        }
        .side .where { display: inline-flex; align-items: center; flex-wrap: wrap; gap: 0 .4rem; }
        .side .share { font-weight: 650; white-space: nowrap; }
        .side.none { color: var(--faint); }
        .side.none .version { font-weight: 400; }
        .side.none .share, .side.none b { font-weight: 400; }
        .hero .version { font-size: clamp(1.4rem,4.5vw,2.2rem); }
        .swatch { width: .7rem; height: .7rem; border-radius: 2px; flex: none; display: inline-block; }
        .swatch.blue { background: var(--blue); }
        .swatch.green { background: var(--green); border-radius: 50%; }
        .bar {
          display: block; width: 100%; height: .7rem; margin-top: .4rem; border-radius: .35rem;
          background: var(--calm-box);
        }
        .hero .bar { height: 1rem; border-radius: .5rem; }
        rect.blue, path.blue { fill: var(--blue); }
        rect.green, path.green { fill: var(--green); }
        .headline, .needs, .note { display: flex; gap: .5rem; align-items: baseline; }
        .headline b { font-weight: 600; }
        .headline .icon, .needs .icon, .note .icon, .remarks .icon {
          align-self: flex-start; margin-top: .2rem;
        }
        time { white-space: nowrap; }
        .needs { color: var(--bad); }
        .needs a { color: inherit; }
        .note { color: var(--faint); }
        .run { font-weight: 600; }
        .remarks { color: var(--warn); }
        .remarks li { display: flex; gap: .5rem; padding: .1rem 0; min-width: 0; }
        .remarks span { min-width: 0; white-space: pre-wrap; }
        .facts { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; }
        .facts div { display: flex; gap: .45rem; min-width: 0; }
        .facts dt { color: var(--faint); flex: none; }
        .facts dd { margin: 0; overflow-wrap: anywhere; }
        .cause {
          background: var(--bad-box); border-radius: 10px; padding: .8rem 1.15rem; margin-top: 1rem;
        }
        .cause h2 { color: var(--bad); margin-bottom: .2rem; }
        .cause p { margin: 0; }
        .problem, .obstacle { background: var(--warn-box); padding: .5rem .75rem; border-radius: 6px; }
        .obstacle { display: flex; gap: .5rem; }
        .obstacle .icon { color: var(--warn); margin-top: .25rem; }
        .offers { display: flex; flex-wrap: wrap; gap: .6rem; align-items: flex-start; }
        .offer>summary, button {
          display: inline-block; cursor: pointer; list-style: none; font: inherit; font-weight: 600;
          line-height: 1.3; padding: .6rem 1rem; min-height: 2.75rem; border-radius: 7px;
          border: 1.5px solid var(--edge); background: var(--box); color: var(--text);
        }
        .offer>summary::-webkit-details-marker { display: none; }
        .offer.danger>summary, button.danger {
          background: var(--danger); border-color: var(--danger); color: var(--danger-text);
        }
        .offer.primary>summary { border-color: var(--press); color: var(--link); }
        button.primary { background: var(--press); border-color: var(--press); color: var(--press-text); }
        .offer>summary:hover, button:hover { filter: brightness(1.08); }
        button.quiet { padding: .3rem .7rem; min-height: 2rem; font-weight: 400; font-size: .87rem; }
        .offer[open] {
          flex-basis: 100%; border: 1.5px solid var(--edge); border-radius: 10px; padding: .9rem 1rem;
        }
        .offer.danger[open] { border-color: var(--danger); }
        .offer[open]>summary {
          display: flex; justify-content: space-between; gap: 1rem; background: none;
          border-color: transparent; color: inherit; padding: 0; min-height: 0;
        }
        .offer[open]>summary::after { content: "×"; color: var(--faint); font-size: 1.3em; line-height: 1; }
        form label { display: block; max-width: 34rem; }
        form label>span:first-child { font-weight: 600; }
        .offer form, .start form, .door form {
          display: flex; flex-direction: column; align-items: flex-start; gap: .7rem; margin-top: .5rem;
        }
        .offer label, .start label, .door label { width: 100%; }
        input[type=text], input[type=password], select {
          display: block; width: 100%; font: inherit; color: inherit; background: var(--page);
          border: 1px solid var(--edge); border-radius: 6px; padding: .5rem .6rem; margin-top: .2rem;
          min-height: 2.6rem;
        }
        .check { display: flex!important; gap: .6rem; align-items: baseline; padding: .3rem 0; }
        .check input { width: 1.1rem; height: 1.1rem; flex: none; }
        .check>span:last-child { font-weight: 400; }
        .filter { display: flex; gap: .6rem; align-items: center; margin: .8rem 0; }
        .filter select { width: auto; margin: 0; max-width: 60vw; }
        .filter button { min-height: 2.6rem; padding: .4rem .9rem; }
        .queue li { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; }
        .queue p { margin: .2rem 0; overflow-wrap: anywhere; }
        .start summary { cursor: pointer; }
        .start summary h2 { display: inline; color: var(--link); }
        .door { max-width: 30rem; margin: 8vh auto 0; }
        """

    /// Phases, tables and events.
    static let lists = """
        .phases>li { position: relative; padding-left: .1rem; }
        .phases summary {
          display: flex; align-items: baseline; gap: .5rem; padding: .4rem .35rem; cursor: pointer;
          border-radius: 6px; list-style: none;
        }
        .phases summary::-webkit-details-marker { display: none; }
        .phases summary:hover { background: var(--calm-box); }
        .phases summary .icon, .items .icon { align-self: flex-start; margin-top: .22rem; }
        .outlook { color: var(--faint); }
        .took { margin-left: auto; color: var(--faint); white-space: nowrap; padding-left: .75rem; }
        .phases>li.toCome>details>summary, .phases>li.skipped>details>summary, .items .toCome,
        .items .skipped {
          color: var(--faint);
        }
        .phases>li.toCome b, .phases>li.skipped b { font-weight: 400; }
        .phases>li.current>details>summary { background: var(--busy-box); }
        li.done>.icon, li.done>details>summary>.icon { color: var(--good); }
        li.failed>.icon, li.failed>details>summary>.icon, li.failed>details>summary>b {
          color: var(--bad);
        }
        li.current>.icon, li.current>details>summary>.icon { color: var(--busy); }
        .items {
          margin: .1rem 0 .6rem .82rem; padding-left: 1.05rem; border-left: 1px solid var(--rule);
        }
        .items>li { display: flex; gap: .5rem; padding: .18rem 0; }
        .items>li>div { flex: 1; min-width: 0; }
        .items p { margin: 0; max-width: none; }
        .line { display: flex; align-items: baseline; }
        .line>span:first-child, .outlook { min-width: 0; overflow-wrap: anywhere; }
        .detail { color: var(--faint); font-size: .93rem; }
        .items > .failed .detail { color: var(--bad); }
        .phases .log summary {
          display: list-item; list-style: disclosure-closed inside; padding: .1rem 0; color: var(--link);
          font-size: .93rem;
        }
        .phases .log[open] summary { list-style-type: disclosure-open; }
        .phases .log summary:hover { background: none; }
        /* Turned over, so that its end is in sight. */
        .log pre { max-height: 16rem; display: flex; flex-direction: column-reverse; }
        table { border-collapse: collapse; min-width: min(100%, 34rem); }
        th, td { text-align: left; vertical-align: top; padding: .4rem 2rem .4rem 0; }
        th:last-child, td:last-child { padding-right: 0; }
        thead th { color: var(--faint); font-weight: 400; font-size: .87rem; }
        tbody tr { border-top: 1px solid var(--rule); }
        th { font-weight: 600; }
        td.version, td .version { font-weight: 600; }
        .scroll { overflow-x: auto; margin: .6rem 0; }
        .runs td { vertical-align: middle; }
        @media (max-width:40rem) {
          .scroll table { min-width: 42rem; }
          .runs thead {
            position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden;
          }
          .runs tr { display: flex; flex-wrap: wrap; gap: 0 .9rem; padding: .5rem 0; }
          .runs td { padding: .1rem 0; }
          .runs td:last-child { color: var(--faint); }
        }
        .events li {
          display: grid; grid-template-columns: auto auto 5.4rem minmax(0,1fr); gap: 0 .6rem;
          padding: .28rem 0; border-top: 1px solid var(--rule);
        }
        .events time, .events .phase { color: var(--faint); }
        .events .icon { margin-top: .22rem; color: var(--faint); }
        .events .succeeds .icon { color: var(--good); }
        .events .fails .icon, .events .fails .pre { color: var(--bad); }
        .events .warns .icon { color: var(--warn); }
        .events .waits .icon { color: var(--busy); }
        @media (max-width:40rem) {
          .events li { grid-template-columns: auto auto 1fr; }
          .events .pre { grid-column: 1/-1; }
        }
        """

    /// Drawings.
    static let charts = """
        figure { margin: .6rem 0 1rem; }
        figcaption { font-weight: 600; font-size: .87rem; margin-bottom: .3rem; }
        .shares svg { display: block; width: 100%; height: 3.4rem; border-radius: 5px; }
        .ends, .legend, .moves {
          display: flex; flex-wrap: wrap; align-items: center; gap: .1rem .45rem; margin: .25rem 0 0;
          color: var(--faint); font-size: .87rem; max-width: none;
        }
        .ends { justify-content: space-between; }
        .legend span+.swatch { margin-left: .6rem; }
        .moves { gap: .1rem 1.1rem; }
        .bar, .shares svg, .swatch { forced-color-adjust: none; }
        .chart svg { display: block; width: 100%; height: auto; font-size: 12px; overflow: visible; }
        .chart { max-width: 50rem; }
        .chart.narrow { display: none; }
        @media (max-width:40rem) {
          .chart.narrow { display: block; }
          .chart.wide { display: none; }
        }
        .chart line { stroke: var(--rule); }
        .chart line.axis { stroke: var(--faint); }
        .chart path { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
        .chart line.limit { stroke: var(--bad); stroke-dasharray: 5 4; }
        .chart line.mark { stroke: var(--bad); stroke-dasharray: 2 3; }
        .chart text { fill: var(--faint); }
        .chart text.title { font-weight: 600; fill: var(--text); }
        .chart .number { text-anchor: end; }
        .chart .time { text-anchor: middle; }
        .chart text.mark { text-anchor: end; }
        .chart text.mark, .chart text.limit, .chart text.evidence { fill: var(--bad); }
        .chart path.blue { stroke: var(--blue); }
        .chart text.blue { fill: var(--busy); }
        .chart path.green { stroke: var(--green); }
        .chart text.green { fill: var(--good); }
        .chart path.evidence { stroke: var(--bad); }
        .chart path.wide { stroke-width: 2.5; }
        .impact { font-weight: 600; }
        """
}
