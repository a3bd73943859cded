//! Secret signs and nicknames: drawn at random from fixed lists.

use crate::model::{Names, Sign};

/// Pictures with their words in Chinese and English. A kiosk draws each by its name.
#[rustfmt::skip]
pub const PICTURES: [(&str, &str, &str); 64] = [
    ("anchor", "船锚", "anchor"), ("apple", "苹果", "apple"), ("bamboo", "竹子", "bamboo"), ("bell", "铃铛", "bell"),
    ("boat", "小船", "boat"), ("book", "书本", "book"), ("bread", "面包", "bread"), ("bridge", "小桥", "bridge"),
    ("butterfly", "蝴蝶", "butterfly"), ("cactus", "仙人掌", "cactus"), ("camel", "骆驼", "camel"), ("candle", "蜡烛", "candle"),
    ("carrot", "胡萝卜", "carrot"), ("cat", "小猫", "cat"), ("cherry", "樱桃", "cherry"), ("clock", "时钟", "clock"),
    ("cloud", "云朵", "cloud"), ("clover", "三叶草", "clover"), ("crab", "螃蟹", "crab"), ("crane", "仙鹤", "crane"),
    ("cup", "茶杯", "cup"), ("deer", "小鹿", "deer"), ("dolphin", "海豚", "dolphin"), ("drum", "小鼓", "drum"),
    ("duck", "鸭子", "duck"), ("elephant", "大象", "elephant"), ("fan", "扇子", "fan"), ("feather", "羽毛", "feather"),
    ("fish", "小鱼", "fish"), ("flute", "笛子", "flute"), ("fox", "狐狸", "fox"), ("frog", "青蛙", "frog"),
    ("grape", "葡萄", "grape"), ("hat", "帽子", "hat"), ("horse", "骏马", "horse"), ("kite", "风筝", "kite"),
    ("ladder", "梯子", "ladder"), ("lantern", "灯笼", "lantern"), ("leaf", "叶子", "leaf"), ("lemon", "柠檬", "lemon"),
    ("lotus", "莲花", "lotus"), ("maple", "枫叶", "maple"), ("moon", "月亮", "moon"), ("mountain", "高山", "mountain"),
    ("mushroom", "蘑菇", "mushroom"), ("orange", "橙子", "orange"), ("owl", "猫头鹰", "owl"), ("panda", "熊猫", "panda"),
    ("peach", "桃子", "peach"), ("pear", "梨", "pear"), ("penguin", "企鹅", "penguin"), ("plum", "梅花", "plum"),
    ("rabbit", "兔子", "rabbit"), ("rainbow", "彩虹", "rainbow"), ("shell", "贝壳", "shell"), ("snail", "蜗牛", "snail"),
    ("star", "星星", "star"), ("sun", "太阳", "sun"), ("teapot", "茶壶", "teapot"), ("tiger", "老虎", "tiger"),
    ("tree", "大树", "tree"), ("turtle", "乌龟", "turtle"), ("umbrella", "雨伞", "umbrella"), ("whale", "鲸鱼", "whale"),
];

#[rustfmt::skip]
const MOODS: [(&str, &str); 16] = [
    ("悠闲的", "Easy"), ("快乐的", "Happy"), ("勇敢的", "Brave"), ("安静的", "Quiet"),
    ("聪明的", "Clever"), ("温柔的", "Gentle"), ("好奇的", "Curious"), ("晴朗的", "Sunny"),
    ("轻快的", "Swift"), ("友好的", "Friendly"), ("明亮的", "Bright"), ("自在的", "Free"),
    ("认真的", "Earnest"), ("可爱的", "Lovely"), ("早起的", "Early"), ("爱笑的", "Merry"),
];

/// The sign that a random number stands for.
pub(crate) fn sign(random: u64) -> Sign {
    let (picture, zh, en) = PICTURES[(random % 64) as usize];
    Sign {
        picture: picture.to_owned(),
        word: Names::new(zh, en),
    }
}

/// The sign with that picture; `word` is the person's own, or empty. None: there is no such picture.
pub(crate) fn chosen(picture: &str, word: &str) -> Option<Sign> {
    let (picture, zh, en) = PICTURES.iter().find(|(name, _, _)| *name == picture)?;
    let (zh, en) = if word.is_empty() { (*zh, *en) } else { (word, word) };
    Some(Sign {
        picture: (*picture).to_owned(),
        word: Names::new(zh, en),
    })
}

/// The nickname that a random number stands for: never the sign's word, since nicknames are shown to programs.
pub(crate) fn nickname(random: u64, language: &str, not: &Sign) -> String {
    let mood = &MOODS[(random % 16) as usize];
    let mut at = ((random >> 8) % 64) as usize;
    if PICTURES[at].0 == not.picture {
        at = (at + 1) % 64;
    }
    let (_, zh, en) = PICTURES[at];
    if language.starts_with("zh") {
        format!("{}{zh}", mood.0)
    } else {
        let mut word = en.to_owned();
        if let Some(first) = word.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        format!("{} {word}", mood.1)
    }
}

#[cfg(test)]
mod tests {
    use super::{PICTURES, nickname, sign};

    #[test]
    fn pictures_are_distinct_and_a_nickname_never_tells_the_sign() {
        let names: std::collections::BTreeSet<_> = PICTURES.iter().map(|(name, _, _)| name).collect();
        assert_eq!(names.len(), 64);
        for random in 0..64 {
            let sign = sign(random);
            assert!(!nickname(random << 8, "zh-CN", &sign).ends_with(&sign.word.zh));
        }
    }
}
