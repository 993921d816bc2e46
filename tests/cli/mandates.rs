//! A mandate set by a principal from another vault: what it forbids is not signed, what it leaves to the principal is
//! signed as approved and in no other form, and nothing of it reaches the other side.

use crate::officer::{Officer, id};
use crate::scene::Scene;
use std::os::unix::fs::PermissionsExt;

const VALID: &str = "valid_until = 2099-01-01T00:00:00Z\n";
const ANYONE_HOME: &str = "[[rule]]\nname = \"anyone home\"\nissue = \"get\"\nclass = \"negotiable\"\n";
const TEN: &str = "[[rule]]\nname = \"ten prisoners of war\"\nissue = \"give\"\nclass = \"negotiable\"\n\
                   who.category = [\"prisoner of war\"]\nbottom = 10\n";
const NO_SWAP: &str = "[[rule]]\nname = \"no soldiers for civilians\"\nissue = \"swap\"\nclass = \"non-negotiable\"\n\
                       who.category = [\"prisoner of war\"]\nagainst.category = [\"civilian internee\"]\n";

/// A principal with a vault of its own, and its fingerprint.
fn principal() -> (Officer, String) {
    let principal = Officer::new("Ministry");
    let fingerprint = principal.ok(&["status"])["party"]["fingerprint"].as_str().unwrap().to_owned();
    (principal, fingerprint)
}

/// A mandate of these rules, signed by a principal: the path of the file.
fn signed(principal: &Officer, number: u32, rules: &[&str]) -> String {
    let text = format!("number = {number}\n{VALID}{}", rules.concat());
    let file = principal.write(&format!("mandate-{number}.toml"), text);
    let out = principal.dir.join(format!("mandate-{number}.signed"));
    let out = out.to_str().unwrap().to_owned();
    let said = principal.ok(&["mandate", "sign", &file, "--out", &out, "--yes"]);
    assert_eq!(said["number"], number, "{said}");
    is_private(&out);
    out
}

fn is_private(path: &str) {
    let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{path}");
}

/// A proposal in which `me` gives so many prisoners of war for so many of a category.
fn exchange(officer: &Officer, name: &str, [give, get]: [u32; 2], category: &str, me: &str) -> String {
    let them = if me == "me" { "them" } else { "me" };
    officer.write(
        name,
        format!(
            "[[leg]]\ngiver = {me:?}\ncategory = \"prisoner of war\"\ncount = {give}\n\
             [[leg]]\ngiver = {them:?}\ncategory = {category:?}\ncount = {get}\n"
        ),
    )
}

#[test]
fn soldiers_are_not_given_for_civilians_by_any_act_until_a_new_mandate_lets_them() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let (ministry, fingerprint) = principal();
    // Offered while no mandate was in force, and accepted since.
    let swap = exchange(velmara, "swap.toml", [1, 9], "civilian internee", "me");
    let early = velmara.ok(&["propose", &swap, "--yes"]);
    assert!(early["mandate"].is_null(), "{early}");
    let early = id(&early);
    // Tarrun asks for the same from its side.
    let asked = exchange(tarrun, "asked.toml", [1, 8], "civilian internee", "them");
    let asked = id(&tarrun.ok(&["propose", &asked, "--yes"]));
    velmara.sync();
    tarrun.sync();
    let accepted = id(&tarrun.ok(&["accept", &early, "--yes"]));
    tarrun.sync();
    velmara.sync();

    let first = signed(&ministry, 1, &[TEN, ANYONE_HOME, NO_SWAP]);
    velmara.refused(&["mandate", "set", &first], 2, &fingerprint, "give it as --principal");
    let wrong = "ab".repeat(32);
    velmara.refused(&["mandate", "set", &first, "--principal", &wrong], 3, "the principal is abab", "alone");
    velmara.ok(&["mandate", "set", &first, "--principal", &fingerprint]);
    // A file of another kind is told as such, however long it is.
    let kinds = velmara.write("kinds.toml", "number = 1\n".repeat(200));
    velmara.refused(&["mandate", "set", &kinds], 6, "this is no signed mandate", "mandate sign");
    velmara.refused(&["approve", &kinds, "--out", "x"], 6, "this is no draft", "draft");
    let draft = velmara.write("lists.toml", "[[leg]]\ngiver = \"them\"\ncount = 1\n");
    let draft = velmara.ok(&["draft", "propose", &draft])["draft"].as_str().unwrap().to_owned();
    for file in [&kinds, &first] {
        let send = ["draft", "send", &draft, "--approval", file, "--yes"];
        velmara.refused(&send, 6, "this is no approval", "approve");
    }
    velmara.ok(&["draft", "drop", &draft]);
    let shown = velmara.ok(&["mandate", "show"]);
    assert_eq!(shown["principal"]["fingerprint"], fingerprint.as_str(), "{shown}");
    assert!(velmara.text(&["mandate", "show"]).contains("no soldiers for civilians"));

    let rule = "the mandate forbids this; rule 'no soldiers for civilians'";
    let help = "only a new mandate";
    velmara.refused(&["propose", &swap, "--yes"], 3, rule, help);
    velmara.refused(&["draft", "propose", &swap], 3, rule, help);
    velmara.refused(&["counter", &asked, &swap, "--yes"], 3, rule, help);
    velmara.refused(&["accept", &asked, "--yes"], 3, rule, help);
    velmara.refused(&["confirm", &accepted, "--yes"], 3, rule, help);
    let checked = velmara.ok(&["mandate", "check", &swap, "--counter", &asked]);
    assert_eq!(checked["mandate"]["verdict"], "forbidden", "{checked}");
    assert_eq!(checked["mandate"]["by"][0], "rule 'no soldiers for civilians'", "{checked}");
    // What binds nobody is said as before.
    velmara.ok(&["reject", &asked, "--yes"]);

    // Neither an older mandate, nor somebody else's, nor one's own lifts it.
    velmara.refused(&["mandate", "set", &first], 3, "number 1 is in force", "a higher number");
    let (other, _) = principal();
    let foreign = signed(&other, 2, &[TEN]);
    velmara.refused(&["mandate", "set", &foreign], 3, "the principal is", "from that principal alone");
    let own = signed(velmara, 2, &[TEN]);
    velmara.refused(
        &["mandate", "set", &own],
        3,
        "nobody is their own principal",
        "in the principal's vault",
    );
    let mut altered = std::fs::read(signed(&ministry, 2, &[TEN, ANYONE_HOME])).unwrap();
    let at = altered.windows(3).position(|part| part == b" 10").unwrap();
    altered[at + 1] = b'9';
    let altered = velmara.write("altered", altered);
    velmara.refused(&["mandate", "set", &altered], 3, "not what its principal signed", "for the file again");
    let second = ministry.dir.join("mandate-2.signed");
    velmara.ok(&["mandate", "set", second.to_str().unwrap()]);
    let confirmed = velmara.ok(&["confirm", &accepted, "--yes"]);
    assert_eq!(confirmed["mandate"]["verdict"], "allow", "{confirmed}");

    // The other side holds nothing of it.
    velmara.sync();
    tarrun.sync();
    let export = tarrun.dir.join("transcript.bin");
    tarrun.ok(&["transcript", "export", export.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&std::fs::read(export).unwrap()).into_owned();
    for secret in ["no soldiers", "ten prisoners", "Ministry"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn an_own_open_offer_that_an_acceptance_could_bring_about_is_weighed_with_it() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let (ministry, fingerprint) = principal();
    let swap = exchange(velmara, "swap.toml", [1, 9], "civilian internee", "me");
    let own = id(&velmara.ok(&["propose", &swap, "--yes"]));
    velmara.sync();
    tarrun.sync();
    let fair = exchange(tarrun, "fair.toml", [1, 1], "prisoner of war", "them");
    let theirs = id(&tarrun.ok(&["counter", &own, &fair, "--yes"]));
    tarrun.sync();
    velmara.sync();
    let mandate = signed(&ministry, 1, &[TEN, ANYONE_HOME, NO_SWAP]);
    velmara.ok(&["mandate", "set", &mandate, "--principal", &fingerprint]);
    let what = format!("your own offer {} is open", &own[..8]);
    velmara.refused(&["accept", &theirs, "--yes"], 3, &what, &format!("Withdraw offer {} first", &own[..8]));
    velmara.ok(&["withdraw", &own, "--yes"]);
    let accepted = velmara.ok(&["accept", &theirs, "--yes"]);
    assert_eq!(accepted["mandate"]["by"][0], "rule 'ten prisoners of war'", "{accepted}");
}

#[test]
fn what_needs_the_principal_is_signed_exactly_as_approved_from_another_vault() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let (ministry, fingerprint) = principal();
    let mandate = signed(&ministry, 7, &[TEN, ANYONE_HOME]);
    velmara.ok(&["mandate", "set", &mandate, "--principal", &fingerprint]);

    let eleven = exchange(velmara, "eleven.toml", [11, 11], "prisoner of war", "me");
    let help = "have the principal approve it";
    velmara.refused(&["propose", &eleven, "--yes"], 3, "rule 'ten prisoners of war': gives 11", help);
    let file = |name: &str| velmara.dir.join(name).to_str().unwrap().to_owned();
    let (draft_file, approval) = (file("eleven.draft"), file("eleven.approval"));
    let drafted = velmara.ok(&["draft", "propose", &eleven, "--out", &draft_file]);
    assert_eq!(drafted["mandate"]["verdict"], "needs-principal", "{drafted}");
    let draft = drafted["draft"].as_str().unwrap().to_owned();
    is_private(&draft_file);
    velmara.refused(&["draft", "send", &draft, "--yes"], 3, "the principal has to approve this", help);
    // Who drafted does not approve.
    let out = file("own.approval");
    velmara.refused(
        &["approve", &draft_file, "--out", &out, "--yes"],
        3,
        "nobody approves their own draft",
        "Ask",
    );
    assert!(!std::path::Path::new(&out).exists());
    // Somebody else than the principal can approve, and it does not help.
    let (other, _) = principal();
    other.ok(&["approve", &draft_file, "--out", &out, "--yes"]);
    velmara.refused(
        &["draft", "send", &draft, "--approval", &out, "--yes"],
        3,
        "the principal is",
        "Ask the principal",
    );

    // The principal reads all of it, and approves.
    let read = ministry.run(&["approve", &draft_file, "--out", &approval, "--yes"]);
    assert_eq!(read.code, Some(0), "{read:?}");
    assert!(read.err.contains("Velmara gives 11 prisoners of war") && read.err.contains(&draft), "{read:?}");
    is_private(&approval);
    // One changed number, and it is another draft.
    let twelve = exchange(velmara, "twelve.toml", [12, 11], "prisoner of war", "me");
    let changed = velmara.ok(&["draft", "propose", &twelve])["draft"].as_str().unwrap().to_owned();
    let send = ["draft", "send", &changed, "--approval", &approval, "--yes"];
    velmara.refused(&send, 3, &format!("for draft {draft}, and this is draft {changed}"), "approve this one");
    let mut bytes = std::fs::read(&approval).unwrap();
    bytes[5] ^= 1;
    let altered = velmara.write("altered.approval", bytes);
    velmara.refused(
        &["draft", "send", &draft, "--approval", &altered],
        3,
        "not what its signer signed",
        "Ask",
    );

    let sent = velmara.ok(&["draft", "send", &draft, "--approval", &approval, "--yes"]);
    let offer = id(&sent);
    assert_eq!(sent["approved_by"], fingerprint.as_str(), "{sent}");
    velmara.refused(&["draft", "send", &draft, "--yes"], 3, "signed and sent before", "truceline log");
    velmara.refused(&["draft", "drop", &draft], 3, "signed and sent before", "truceline log");
    velmara.ok(&["draft", "drop", &changed]);
    let drafts = velmara.ok(&["draft", "list"]);
    assert_eq!(drafts["drafts"].as_array().unwrap().len(), 1, "{drafts}");
    assert_eq!(drafts["drafts"][0]["sent"], offer.as_str(), "{drafts}");

    // The confirm binds, so it needs the principal again, who sees the offer that is confirmed.
    velmara.sync();
    tarrun.sync();
    assert!(tarrun.text(&["show", &offer]).contains("11 prisoners of war"));
    let accepted = id(&tarrun.ok(&["accept", &offer, "--yes"]));
    tarrun.sync();
    velmara.sync();
    velmara.refused(&["confirm", &accepted, "--yes"], 3, "rule 'ten prisoners of war'", help);
    let (draft_file, approval) = (file("confirm.draft"), file("confirm.approval"));
    let draft = velmara.ok(&["draft", "confirm", &accepted, "--out", &draft_file]);
    let read = ministry.run(&["approve", &draft_file, "--out", &approval, "--yes"]);
    assert!(read.err.contains("Velmara gives 11 prisoners of war"), "{read:?}");
    velmara.ok(&["draft", "send", draft["draft"].as_str().unwrap(), "--approval", &approval, "--yes"]);

    // An acceptance in a case of its own: what stands elsewhere counts where a rule says so, and the draft holds the
    // other side's offer.
    velmara.sync();
    tarrun.sync();
    tarrun.sync();
    velmara.sync();
    let total = TEN.replace("bottom = 10", "bottom = 20\nover_all_cases = true");
    velmara.ok(&["mandate", "set", &signed(&ministry, 8, &[&total, ANYONE_HOME])]);
    // What replaces a sealed version does not count beside it.
    let checked = velmara.ok(&["mandate", "check", &twelve, "--amend", &offer]);
    assert_eq!(checked["mandate"]["verdict"], "allow", "{checked}");
    let amendment = velmara.ok(&["draft", "amend", &offer, &twelve]);
    let text = velmara.text(&["draft", "show", amendment["draft"].as_str().unwrap()]);
    assert!(text.contains("it would become version 2") && text.contains("gives 12"), "{text}");
    let more = exchange(velmara, "more.toml", [21, 1], "prisoner of war", "me");
    let ruling = velmara.ok(&["draft", "amend", &offer, &more])["mandate"].clone();
    assert_eq!(ruling["verdict"], "needs-principal", "{ruling}");
    let asked = exchange(tarrun, "asked.toml", [10, 10], "prisoner of war", "them");
    let asked = id(&tarrun.ok(&["propose", &asked, "--yes"]));
    tarrun.sync();
    velmara.sync();
    velmara.refused(&["accept", &asked, "--yes"], 3, "21 across all cases", help);
    let counter = velmara.ok(&["draft", "counter", &asked, &twelve]);
    assert_eq!([&counter["kind"], &counter["case"]], ["offer", asked.as_str()], "{counter}");
    velmara.refused(&["draft", "counter", &accepted, &twelve], 3, "is not a valid offer", "truceline cases");
    let (draft_file, approval) = (file("accept.draft"), file("accept.approval"));
    let draft = velmara.ok(&["draft", "accept", &asked, "--out", &draft_file]);
    let read = ministry.run(&["approve", &draft_file, "--out", &approval, "--yes"]);
    assert!(read.err.contains("The offer, made by Tarrun:"), "{read:?}");
    velmara.ok(&["draft", "send", draft["draft"].as_str().unwrap(), "--approval", &approval, "--yes"]);
}

#[test]
fn an_approval_counts_under_the_mandate_it_was_given_under_alone() {
    let scene = Scene::new();
    let velmara = &scene.velmara;
    let (ministry, fingerprint) = principal();
    let mandate = signed(&ministry, 1, &[TEN, ANYONE_HOME]);
    velmara.ok(&["mandate", "set", &mandate, "--principal", &fingerprint]);
    let eleven = exchange(velmara, "eleven.toml", [11, 11], "prisoner of war", "me");
    let file = |name: &str| velmara.dir.join(name).to_str().unwrap().to_owned();
    let (draft_file, approval) = (file("eleven.draft"), file("eleven.approval"));
    let draft = velmara.ok(&["draft", "propose", &eleven, "--out", &draft_file])["draft"].clone();
    let draft = draft.as_str().unwrap();
    ministry.ok(&["approve", &draft_file, "--out", &approval, "--yes"]);
    // The principal's later word: the same rules, or stricter ones.
    velmara.ok(&["mandate", "set", &signed(&ministry, 2, &[TEN, ANYONE_HOME])]);
    velmara.refused(
        &["draft", "send", draft, "--approval", &approval, "--yes"],
        3,
        "given under mandate 1, and mandate 2 is in force",
        "have the principal approve it again",
    );
    let (draft_file, approval) = (file("again.draft"), file("again.approval"));
    velmara.ok(&["draft", "show", draft, "--out", &draft_file]);
    ministry.ok(&["approve", &draft_file, "--out", &approval, "--yes"]);
    velmara.ok(&["draft", "send", draft, "--approval", &approval, "--yes"]);
}

#[test]
fn no_approval_of_an_acceptance_lifts_what_stands_against_an_own_open_offer() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let (ministry, fingerprint) = principal();
    let eleven = exchange(velmara, "eleven.toml", [11, 11], "prisoner of war", "me");
    let own = id(&velmara.ok(&["propose", &eleven, "--yes"]));
    velmara.sync();
    tarrun.sync();
    let twelve = exchange(tarrun, "twelve.toml", [12, 30], "prisoner of war", "them");
    let theirs = id(&tarrun.ok(&["counter", &own, &twelve, "--yes"]));
    tarrun.sync();
    velmara.sync();
    let mandate = signed(&ministry, 1, &[TEN, ANYONE_HOME]);
    velmara.ok(&["mandate", "set", &mandate, "--principal", &fingerprint]);
    // Either needs the principal, who would be shown the one alone.
    let what = format!("your own offer {} is open", &own[..8]);
    velmara.refused(&["draft", "accept", &theirs], 3, &what, "no approval lifts this");
    velmara.ok(&["withdraw", &own, "--yes"]);
    let drafted = velmara.ok(&["draft", "accept", &theirs]);
    assert_eq!(drafted["mandate"]["verdict"], "needs-principal", "{drafted}");
}

#[test]
fn what_is_only_explored_binds_as_a_firm_offer_does_once_it_is_accepted() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let (ministry, fingerprint) = principal();
    let cap = "[[rule]]\nname = \"ten if firm\"\nissue = \"give\"\nclass = \"non-negotiable\"\n\
               bottom = 10\nfirmness = \"firm\"\n";
    let explore = "[[rule]]\nname = \"any to explore\"\nissue = \"give\"\nclass = \"negotiable\"\n\
                   firmness = \"exploratory\"\n";
    let mandate = signed(&ministry, 1, &[cap, explore, ANYONE_HOME]);
    velmara.ok(&["mandate", "set", &mandate, "--principal", &fingerprint]);
    let explored = |officer: &Officer, name: &str, me: &str| {
        let legs = std::fs::read(exchange(officer, name, [11, 11], "prisoner of war", me)).unwrap();
        officer.write(name, [b"firmness = \"exploratory\"\n".as_slice(), &legs].concat())
    };
    let own = velmara.ok(&["propose", &explored(velmara, "own.toml", "me"), "--yes"]);
    assert_eq!(own["mandate"]["verdict"], "allow", "{own}");
    let theirs = id(&tarrun.ok(&["propose", &explored(tarrun, "theirs.toml", "them"), "--yes"]));
    velmara.sync();
    tarrun.sync();
    let accepted = id(&tarrun.ok(&["accept", &id(&own), "--yes"]));
    tarrun.sync();
    velmara.sync();
    let (rule, help) = ("rule 'ten if firm': gives 11", "only a new mandate");
    velmara.refused(&["accept", &theirs, "--yes"], 3, rule, help);
    velmara.refused(&["confirm", &accepted, "--yes"], 3, rule, help);
}

#[test]
fn a_lighter_amendment_that_waits_for_its_seal_does_not_hide_the_heavier_version() {
    let scene = Scene::new();
    let (velmara, tarrun) = (&scene.velmara, &scene.tarrun);
    let (ministry, fingerprint) = principal();
    let total = TEN.replace("bottom = 10", "bottom = 20\nover_all_cases = true");
    let mandate = signed(&ministry, 1, &[&total, ANYONE_HOME]);
    velmara.ok(&["mandate", "set", &mandate, "--principal", &fingerprint]);
    let sync = || {
        velmara.sync();
        tarrun.sync();
        tarrun.sync();
        velmara.sync();
    };
    let agree = |offer: &str| {
        sync();
        let accepted = id(&tarrun.ok(&["accept", offer, "--yes"]));
        tarrun.sync();
        velmara.sync();
        velmara.ok(&["confirm", &accepted, "--yes"]);
    };
    let of = |count: u32| exchange(velmara, &format!("{count}.toml"), [count, 1], "prisoner of war", "me");
    let first = id(&velmara.ok(&["propose", &of(15), "--yes"]));
    agree(&first);
    sync();
    let lighter = id(&velmara.ok(&["amend", &first, &of(5), "--yes"]));
    agree(&lighter);
    // The other side can still walk out of what it has not acknowledged, and then fifteen stand.
    let what = "gives 10 (prisoner of war) (leg 1), 25 across all cases";
    velmara.refused(&["propose", &of(10), "--yes"], 3, what, "have the principal approve it");
    sync();
    let sealed = velmara.ok(&["propose", &of(10), "--yes"]);
    assert_eq!(sealed["mandate"]["verdict"], "allow", "{sealed}");
}
