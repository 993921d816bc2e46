//! First contact: remains for remains before the words; a living prisoner only after them, whatever a client signs.

use super::tale::{Sides, came_to_the_byte, not_signed, say, say_unchecked, state_of, strangers};
use crate::relay::Relay;

const OURS: &str = "bag,place,date,extent,claimed_identity,disc\n\
    V-001,Мост у Кельды,2030-11-02,whole,\"Їжакевич, Юрій Олексійович\",ВЕ-0117\n\
    V-002,ოსმის ჩრდილოეთი ნაპირი,2030-11,partial,გურამ ბერიძე,\n\
    V-003,Βόρεια όχθη,2030-10..2030-11,unknown,Ἀλέξιος Κελδινός,\n";
const THEIRS: &str = "bag,place,date,extent,claimed_identity,disc\n\
    T-117,ضفة النهر الشمالية,2030-10,whole,عبد الرحمٰن الكلدي,ТА-440912\n\
    T-118,Շենգավանի կամուրջ,2030,partial,Արամ Քելդյան,\n";
const REMAINS: &str = "[[leg]]\ngiver = \"me\"\nremains = \"ours.csv\"\n\
    [[leg]]\ngiver = \"them\"\ncategory = \"remains\"\ncount = 2\n";
const ANSWER: &str = "[[leg]]\ngiver = \"me\"\nremains = \"theirs.csv\"\n\
    [[leg]]\ngiver = \"them\"\ncategory = \"remains\"\ncount = 3\n";
/// A living person, and remains beside him.
const LIVING: &str = "[[leg]]\ngiver = \"me\"\n[[leg.person]]\nsurname = \"Їжакевич\"\n\
    [[leg]]\ngiver = \"them\"\ncategory = \"remains\"\ncount = 1\n";
const RULE: &str =
    "both sides must confirm the safety words first; until then only notes and proposals about remains";
const REMEDY: &str = "Confirm the words, then say it again.";

#[test]
fn before_the_words_the_dead_may_be_offered_and_a_living_prisoner_is_void_whoever_signs_it() {
    let relay = Relay::new();
    let [velmara, tarrun] = &strangers(&relay);
    let sides = Sides { velmara, tarrun };
    velmara.write("ours.csv", OURS);
    tarrun.write("theirs.csv", THEIRS);
    let file = velmara.write("remains.toml", REMAINS);
    let offer = say(velmara, &["propose", &file]);
    let living = velmara.write("living.toml", LIVING);
    velmara.refused(&["propose", &living, "--yes"], 3, RULE, REMEDY);
    sides.settle();

    // The dead are named in the script of those who miss them; and none of it can be accepted yet.
    let shown = tarrun.ok(&["show", &offer])["statement"].clone();
    assert_eq!(shown["void"], serde_json::Value::Null, "{shown}");
    came_to_the_byte(&shown["body"]["legs"][0]["list"], OURS);
    not_signed(tarrun, &["accept", &offer], RULE, REMEDY);
    let file = tarrun.write("living.toml", LIVING);
    not_signed(tarrun, &["counter", &offer, &file], RULE, REMEDY);
    let file = tarrun.write("answer.toml", ANSWER);
    let answer = say(tarrun, &["counter", &offer, &file]);

    // A client that was altered signs it all the same: both ends hold it, and it has no effect at either.
    let forced = say_unchecked(tarrun, LIVING);
    sides.settle_from_tarrun();
    for officer in [velmara, tarrun] {
        let shown = officer.ok(&["show", &forced])["statement"].clone();
        assert!(shown["void"].as_str().is_some_and(|void| void.contains(RULE)), "{shown}");
        assert_eq!(shown["body"]["legs"][0]["list"][0]["surname"], "Їжакевич", "{shown}");
        let told = officer.text(&["log"]);
        assert!(told.contains("VOID: "), "{told}");
    }
    velmara.refused(&["accept", &forced, "--yes"], 3, RULE, REMEDY);
    let cases = sides.same_cases();
    assert_eq!(cases.keys().collect::<Vec<_>>(), [&offer]);

    // One side's words are not enough.
    let words = velmara.words("tarrun");
    velmara.ok(&["words", "--confirm", &words]);
    not_signed(velmara, &["propose", &living], RULE, REMEDY);
    sides.settle();
    not_signed(tarrun, &["propose", &file.replace("answer", "living")], RULE, REMEDY);
    tarrun.ok(&["words", "--confirm", &words]);
    sides.settle_from_tarrun();

    // What was void stays void; said again it stands; and the dead go home.
    not_signed(velmara, &["accept", &forced], RULE, REMEDY);
    let again = say(velmara, &["propose", &living]);
    say(velmara, &["accept", &answer]);
    sides.settle();
    say(tarrun, &["confirm", &answer]);
    sides.settle_from_tarrun();
    let cases = sides.same_cases();
    assert_eq!(state_of(&cases[&offer], &answer), "sealed as version 1");
    assert_eq!(state_of(&cases[&again], &again), "open");
    assert_eq!(cases.len(), 2);
    came_to_the_byte(&velmara.ok(&["show", &answer])["statement"]["body"]["legs"][0]["list"], THEIRS);
    sides.same_case(&offer);
    sides.exports_say(&cases);
}
