//! The transfers of an order, in the ledger's terms: what goes to the payee, and the publisher's fee linked to it.

use crate::people::code as account;
use crate::services::Services;
use crate::state::OrderState;
use crate::{change::Change, order::Mode};
use youji_api::ProgramId;
use youji_ledger::{Transfer, TransferFlags};

/// Codes of transfers in the ledger, beside those of [`account`].
pub(crate) mod code {
    pub(crate) const REFUND: u16 = 4;
    pub(crate) const FEE: u16 = 5;
    pub(crate) const HOLD: u16 = 6;
    pub(crate) const CLAIM: u16 = 7;
    pub(crate) const PAYOUT: u16 = 8;
    /// Of accounts: what a packet holds.
    pub(crate) const PACKET: u16 = 4;
}

/// The accounts of one order, and the ids of its transfers.
pub(crate) struct Legs<'a> {
    services: &'a Services,
    program: &'a ProgramId,
    order_no: &'a str,
    pub(crate) from: u128,
    pub(crate) to: u128,
    publisher: u128,
    direct: u16,
}

impl Services {
    /// Where the money of an order comes from and goes to.
    pub(crate) fn legs<'a>(&'a self, program: &'a ProgramId, order_no: &'a str, order: &OrderState) -> Legs<'a> {
        let merchant = || self.merchant_account(&order.publisher, &order.merchant);
        let mode = order.flow.mode;
        let from = match mode {
            Mode::Payout => merchant(),
            _ => self.wallet(&order.person),
        };
        let to = match (mode, &order.flow.to) {
            (Mode::Packet, _) => self.host.number(&[b"packet", program.as_str().as_bytes(), order_no.as_bytes()]),
            (_, Some(person)) => self.wallet(person),
            (_, None) => merchant(),
        };
        Legs {
            services: self,
            program,
            order_no,
            from,
            to,
            publisher: self.merchant_account(&order.publisher, ""),
            direct: if mode == Mode::Payout { code::PAYOUT } else { account::PAYMENT },
        }
    }
}

/// Links each to the next: all of them or none.
pub(crate) fn chain(mut transfers: Vec<Transfer>) -> Vec<Transfer> {
    if let Some((last, before)) = transfers.split_last_mut() {
        before.iter_mut().for_each(|transfer| transfer.flags.linked = true);
        last.flags.linked = false;
    }
    transfers
}

impl Legs<'_> {
    /// The accounts that an order may be the first to need.
    pub(crate) fn accounts(&self, mode: Mode, fee: u64) -> Vec<Change> {
        let kind = if mode == Mode::Packet { code::PACKET } else { account::MERCHANT };
        let state = self.services.state.read();
        let missing = |id: &(u128, u16)| state.ledger.account(id.0).is_none();
        let publisher = (fee > 0).then_some((self.publisher, account::MERCHANT));
        let needed = [(self.to, kind)].into_iter().chain(publisher).filter(missing);
        needed.map(|(id, code)| self.services.wallet_account(id, code)).collect()
    }

    fn id(&self, tag: &str) -> u128 {
        let parts = [b"leg", self.program.as_str().as_bytes(), self.order_no.as_bytes(), tag.as_bytes()];
        self.services.host.number(&parts)
    }

    fn hold_id(&self, holds: u32, fee: bool) -> u128 {
        self.id(&format!("{}/{holds}", if fee { "hold-fee" } else { "hold" }))
    }

    fn one(&self, id: u128, from: u128, to: u128, amount: u64, code: u16) -> Transfer {
        Transfer::new(id, from, to, amount.into(), self.services.ledger_number, code)
    }

    /// Pays at once; `fee` is a part of `amount`.
    pub(crate) fn pay(&self, amount: u64, fee: u64) -> Vec<Transfer> {
        // The id that payments had before there were fees.
        let id = self
            .services
            .host
            .number(&[b"pay", self.program.as_str().as_bytes(), self.order_no.as_bytes()]);
        let mut transfers = vec![self.one(id, self.from, self.to, amount - fee, self.direct)];
        if fee > 0 {
            transfers.push(self.one(self.id("pay-fee"), self.from, self.publisher, fee, code::FEE));
        }
        chain(transfers)
    }

    /// Reserves for the `holds`th time.
    pub(crate) fn reserve(&self, holds: u32, amount: u64, fee: u64) -> Vec<Transfer> {
        let pending = |transfer: Transfer| Transfer {
            flags: TransferFlags::PENDING,
            ..transfer
        };
        let mut transfers = Vec::new();
        if amount > fee {
            transfers.push(pending(self.one(
                self.hold_id(holds, false),
                self.from,
                self.to,
                amount - fee,
                code::HOLD,
            )));
        }
        if fee > 0 {
            transfers.push(pending(self.one(
                self.hold_id(holds, true),
                self.from,
                self.publisher,
                fee,
                code::HOLD,
            )));
        }
        chain(transfers)
    }

    /// Ends the `holds`th reservation of `held`, of which `held_fee` is the fee: `amount` of it, with `fee`, reaches the payee and
    /// the publisher; the rest is free again.
    pub(crate) fn end_hold(&self, holds: u32, (held, held_fee): (u64, u64), (amount, fee): (u64, u64)) -> Vec<Transfer> {
        let end = |of_fee: bool, part: u64| {
            let pending = self.hold_id(holds, of_fee);
            let id = self.id(&format!("{}/{holds}", if of_fee { "end-fee" } else { "end" }));
            match part {
                0 => Transfer::void(id, pending),
                part => Transfer::post(id, pending, part.into()),
            }
        };
        let mut transfers = Vec::new();
        if held > held_fee {
            transfers.push(end(false, amount - fee));
        }
        if held_fee > 0 {
            transfers.push(end(true, fee));
        }
        transfers
    }

    /// Gives back by compensation; the publisher gives its part of the fee.
    pub(crate) fn refund(&self, reference: &str, amount: u64, fee: u64) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        if amount > fee {
            let id = self.id(&format!("refund/{reference}"));
            transfers.push(self.one(id, self.to, self.from, amount - fee, code::REFUND));
        }
        if fee > 0 {
            let id = self.id(&format!("refund-fee/{reference}"));
            transfers.push(self.one(id, self.publisher, self.from, fee, code::REFUND));
        }
        chain(transfers)
    }

    /// A share of a packet.
    pub(crate) fn claim(&self, person: &youji_api::PersonId) -> u128 {
        self.id(&format!("claim/{person}"))
    }

    /// A transfer out of what a packet holds.
    pub(crate) fn out_of_packet(&self, id: u128, wallet: u128, amount: u64) -> Transfer {
        self.one(id, self.to, wallet, amount, code::CLAIM)
    }

    /// What is left of a packet goes back to the payer.
    pub(crate) fn packet_rest(&self, left: u64) -> Vec<Transfer> {
        if left == 0 {
            return Vec::new();
        }
        vec![self.out_of_packet(self.id("rest"), self.from, left)]
    }
}
