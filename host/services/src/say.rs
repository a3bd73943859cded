//! What the host itself writes to people about their money, in Chinese and English.

/// What happened to an order, as one of the people concerned reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// To the payer.
    Paid,
    HeldFor,
    PacketSent,
    PacketDone,
    PacketBack,
    Captured,
    Returned,
    Refunded,
    Shipped,
    PoolFull,
    PoolLate,
    /// To the payee who is a person.
    Received,
    ShipNow,
    Released,
    TakenBack,
    GaveBack,
    Disputed,
    PaidOut,
}

/// Title and text. `amount` with its sign, `other` the stored name of the other side.
pub(crate) fn text(say: Say, language: &str, amount: &str, other: &str) -> (String, String) {
    let zh = language.starts_with("zh");
    let pick = |zh_text: (&str, String), en_text: (&str, String)| {
        let (title, text) = if zh { zh_text } else { en_text };
        (title.to_owned(), text)
    };
    match say {
        Say::Paid => pick(
            ("付款成功", format!("已向{other}支付 {amount}")),
            ("Paid", format!("{amount} to {other}")),
        ),
        Say::HeldFor => pick(
            ("款项已保留", format!("{amount} 已为{other}保留，尚未付出")),
            ("Money held", format!("{amount} is held for {other}; it is not paid yet")),
        ),
        Say::PacketSent => pick(
            ("红包已发出", format!("{amount}，未领取的部分会退回")),
            ("Red packet sent", format!("{amount}; what nobody claims comes back")),
        ),
        Say::PacketDone => pick(
            ("红包已领完", format!("{amount} 已全部领取")),
            ("Red packet claimed", format!("All of {amount} was claimed")),
        ),
        Say::PacketBack => pick(
            ("红包已退回", format!("未领取的 {amount} 已退回")),
            (
                "Red packet returned",
                format!("{amount} that nobody claimed is back in your wallet"),
            ),
        ),
        Say::Captured => pick(
            ("款项已付出", format!("{amount} 已付给{other}")),
            ("Paid out", format!("{amount} went to {other}")),
        ),
        Say::Returned => pick(
            ("款项已退回", format!("为{other}保留的 {amount} 已退回")),
            ("Money returned", format!("{amount} held for {other} is free again")),
        ),
        Say::Refunded => pick(
            ("退款到账", format!("{other}退回 {amount}")),
            ("Refund", format!("{amount} back from {other}")),
        ),
        Say::Shipped => pick(
            ("卖家已发货", format!("{other}已发货；收到后请确认，{amount} 届时付出")),
            (
                "On its way",
                format!("{other} has shipped. Confirm when it arrives; {amount} is paid then"),
            ),
        ),
        Say::PoolFull => pick(
            ("拼单成功", format!("人数已满，{amount} 已付给{other}")),
            ("The group is complete", format!("{amount} went to {other}")),
        ),
        Say::PoolLate => pick(
            ("拼单未成", format!("人数不足，{amount} 已退回")),
            ("The group did not fill", format!("{amount} is free again")),
        ),
        Say::Received => pick(
            ("收款", format!("{other}转来 {amount}")),
            ("Money received", format!("{amount} from {other}")),
        ),
        Say::ShipNow => pick(
            ("买家已付款", format!("{other}的 {amount} 由本机保管，请发货")),
            ("Ready to ship", format!("{amount} of {other} is held for you; ship now")),
        ),
        Say::Released => pick(
            ("货款到账", format!("{other}的 {amount} 已到账")),
            ("Paid out to you", format!("{amount} of {other} is in your wallet")),
        ),
        Say::TakenBack => pick(
            ("订单已取消", format!("为您保留的 {amount} 已退回{other}")),
            ("Canceled", format!("{amount} held for you went back to {other}")),
        ),
        Say::GaveBack => pick(
            ("已退款", format!("已退给{other} {amount}")),
            ("Refunded", format!("{amount} back to {other}")),
        ),
        Say::Disputed => pick(
            ("买家提出争议", format!("{other}的 {amount} 暂停付出，等待处理")),
            ("Disputed", format!("{amount} of {other} stays held until it is decided")),
        ),
        Say::PaidOut => pick(
            ("收款", format!("{other}付来 {amount}")),
            ("Money received", format!("{amount} from {other}")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Say, text};

    #[test]
    fn both_languages_say_amount_and_nothing_of_the_other() {
        let all = [
            Say::Paid,
            Say::HeldFor,
            Say::PacketSent,
            Say::PacketDone,
            Say::PacketBack,
            Say::Captured,
            Say::Returned,
            Say::Refunded,
            Say::Shipped,
            Say::PoolFull,
            Say::PoolLate,
            Say::Received,
            Say::ShipNow,
            Say::Released,
            Say::TakenBack,
            Say::GaveBack,
            Say::Disputed,
            Say::PaidOut,
        ];
        for say in all {
            let (zh_title, zh) = text(say, "zh-CN", "¥1.00", "X");
            let (en_title, en) = text(say, "de", "¥1.00", "X");
            assert!(zh.contains("¥1.00") && en.contains("¥1.00"), "{say:?}");
            assert!(!zh_title.is_ascii() && en_title.is_ascii(), "{say:?}");
            assert!(en.replace("¥1.00", "").is_ascii(), "{say:?}: {en}");
        }
    }
}
