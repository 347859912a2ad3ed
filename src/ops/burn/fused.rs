//! Operations in one pass where burn's own would take several, with derivatives written by hand: on
//! the CPU what is not a matrix product is a matter of passes over memory. On other devices they are
//! those of [`plain`].

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Device, Tensor, TensorData};
use burn_flex::FlexTensor;

pub use super::rows::Heads;
use super::{plain, rows};

/// The operations; shapes as in [`Heads`] and [`Ops`](crate::ops::Ops).
#[backend_extension(Flex, Autodiff: cfg(feature = "train"))]
pub trait Fused: Backend {
    /// `silu(gate) · up`.
    fn gated(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    /// `x / sqrt(mean(x²) + 1e-6) · gain` of each row.
    fn rms_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Rows as heads.
    fn split(x: FloatTensor<Self>, heads: Heads) -> FloatTensor<Self>;
    /// Heads as rows.
    fn merge(x: FloatTensor<Self>, heads: Heads) -> FloatTensor<Self>;
    /// Rows as heads that are turned by rotary angles, whose tables have no gradient.
    fn turn(x: FloatTensor<Self>, cos: FloatTensor<Self>, sin: FloatTensor<Self>, heads: Heads) -> FloatTensor<Self>;
    /// `softmax(scale · scores + bias)` of scores `[b, h, s, s]`; the bias `[b, s]` has no gradient.
    fn shares(scores: FloatTensor<Self>, bias: FloatTensor<Self>, scale: f32) -> FloatTensor<Self>;
    /// `-log softmax(logits)[row, token]` of each pair.
    fn token_costs(logits: FloatTensor<Self>, pairs: Vec<(usize, usize)>) -> FloatTensor<Self>;
}

/// Whether a tensor is where the trait has bodies; elsewhere the operations are [`plain`].
fn is_here<const D: usize>(x: &Tensor<D>) -> bool {
    x.device() == Device::flex()
}

/// [`Fused::gated`].
pub fn gated(gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    if !is_here(&gate) {
        return plain::gated(gate, up);
    }
    Tensor::from_dispatch(<Dispatch as Fused>::gated(gate.into_dispatch(), up.into_dispatch()))
}

/// [`Fused::rms_norm`] with a gain `[1, d]`.
pub fn rms_norm(x: Tensor<2>, gain: Tensor<2>) -> Tensor<2> {
    if !is_here(&x) {
        return plain::rms_norm(x, gain);
    }
    Tensor::from_dispatch(<Dispatch as Fused>::rms_norm(x.into_dispatch(), gain.into_dispatch()))
}

/// [`Fused::split`].
pub fn split(x: Tensor<2>, heads: Heads) -> Tensor<4> {
    if !is_here(&x) {
        return plain::split(x, heads);
    }
    Tensor::from_dispatch(<Dispatch as Fused>::split(x.into_dispatch(), heads))
}

/// [`Fused::merge`].
pub fn merge(x: Tensor<4>, heads: Heads) -> Tensor<2> {
    if !is_here(&x) {
        return plain::merge(x, heads);
    }
    Tensor::from_dispatch(<Dispatch as Fused>::merge(x.into_dispatch(), heads))
}

/// [`Fused::turn`].
pub fn turn(x: Tensor<2>, cos: Tensor<2>, sin: Tensor<2>, heads: Heads) -> Tensor<4> {
    if !is_here(&x) {
        return plain::turn(x, cos, sin, heads);
    }
    let [x, cos, sin] = [x, cos, sin].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as Fused>::turn(x, cos, sin, heads))
}

/// [`Fused::shares`].
pub fn shares(scores: Tensor<4>, bias: Tensor<2>, scale: f32) -> Tensor<4> {
    if !is_here(&scores) {
        return plain::shares(scores, bias, scale);
    }
    Tensor::from_dispatch(<Dispatch as Fused>::shares(scores.into_dispatch(), bias.into_dispatch(), scale))
}

/// [`Fused::token_costs`].
pub fn token_costs(logits: Tensor<2>, pairs: Vec<(usize, usize)>) -> Tensor<1> {
    if !is_here(&logits) {
        return plain::token_costs(logits, &pairs);
    }
    Tensor::from_dispatch(<Dispatch as Fused>::token_costs(logits.into_dispatch(), pairs))
}

/// The tensor with its values one after the other.
fn in_order(x: FlexTensor) -> FlexTensor {
    if x.is_contiguous() { x } else { x.to_contiguous() }
}

/// Of a tensor that is [`in_order`], as all are that come here. [`BurnOps`](super::BurnOps) makes no
/// floats but `f32`.
fn values(x: &FlexTensor) -> &[f32] {
    x.as_slice().expect("f32 values in order")
}

fn width(x: &FlexTensor) -> usize {
    x.layout().shape().as_slice().last().copied().unwrap_or(1)
}

fn tensor(values: Vec<f32>, shape: impl Into<Vec<usize>>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

fn shaped_like(values: Vec<f32>, x: &FlexTensor) -> FlexTensor {
    tensor(values, x.layout().shape().as_slice())
}

/// The values, in place where nobody else holds them.
fn owned(x: FlexTensor) -> (FlexTensor, usize) {
    let mut x = in_order(x);
    if !x.is_unique() || x.layout().start_offset() != 0 {
        x = shaped_like(values(&x).to_vec(), &x);
    }
    let width = width(&x);
    (x, width)
}

impl Heads {
    fn of_rows(self) -> [usize; 2] {
        [self.batch * self.seq, self.n_heads * self.d_head]
    }

    fn of_heads(self) -> [usize; 4] {
        [self.batch, self.n_heads, self.seq, self.d_head]
    }
}

impl Fused for Flex {
    fn gated(gate: FlexTensor, up: FlexTensor) -> FlexTensor {
        let (gate, up) = (in_order(gate), in_order(up));
        shaped_like(rows::gated(values(&gate), values(&up)), &gate)
    }

    fn rms_norm(x: FlexTensor, gain: FlexTensor) -> FlexTensor {
        let (x, gain) = (in_order(x), in_order(gain));
        shaped_like(rows::rms_norm(values(&x), values(&gain)), &x)
    }

    fn split(x: FlexTensor, heads: Heads) -> FlexTensor {
        tensor(heads.split(values(&in_order(x))), heads.of_heads())
    }

    fn merge(x: FlexTensor, heads: Heads) -> FlexTensor {
        tensor(heads.merge(values(&in_order(x))), heads.of_rows())
    }

    fn turn(x: FlexTensor, cos: FlexTensor, sin: FlexTensor, heads: Heads) -> FlexTensor {
        let [x, cos, sin] = [x, cos, sin].map(in_order);
        tensor(heads.turn(values(&x), values(&cos), values(&sin)), heads.of_heads())
    }

    fn shares(scores: FlexTensor, bias: FlexTensor, scale: f32) -> FlexTensor {
        let (mut scores, seq) = owned(scores);
        rows::shares(scores.storage_mut(), values(&in_order(bias)), scale, seq);
        scores
    }

    fn token_costs(logits: FlexTensor, pairs: Vec<(usize, usize)>) -> FlexTensor {
        let (mut logits, width) = owned(logits);
        let costs = rows::token_costs(logits.storage_mut(), &pairs, width);
        let n = costs.len();
        tensor(costs, [n])
    }
}

#[cfg(feature = "train")]
mod derivatives {
    use burn::backend::Autodiff;
    use burn::backend::autodiff::checkpoint::base::Checkpointer;
    use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
    use burn::backend::autodiff::grads::Gradients;
    use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};

    use super::*;

    type Tracked<C> = FloatTensor<Autodiff<Flex, C>>;

    /// The output of an operation of one differentiable input, and what it keeps for its gradient.
    fn one<C: CheckpointStrategy, B: Backward<Flex, 1>>(
        operation: B,
        x: Tracked<C>,
        forward: impl FnOnce(FlexTensor) -> (FlexTensor, B::State),
    ) -> Tracked<C> {
        let (x, node) = x.into_parts();
        let (output, state) = forward(x);
        match operation.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(state, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    /// The same of two.
    fn two<C: CheckpointStrategy, B: Backward<Flex, 2>>(
        operation: B,
        [a, b]: [Tracked<C>; 2],
        forward: impl FnOnce(FlexTensor, FlexTensor) -> (FlexTensor, B::State),
    ) -> Tracked<C> {
        let ((a, node_a), (b, node_b)) = (a.into_parts(), b.into_parts());
        let (output, state) = forward(a, b);
        match operation.prepare::<C>([node_a, node_b]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(state, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn register<S>(ops: Ops<S, 2>, grads: &mut Gradients, found: [FlexTensor; 2]) {
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let Some(node) = parent {
                grads.register::<Flex>(node.id, grad);
            }
        }
    }

    #[derive(Debug)]
    struct Gated;

    impl Backward<Flex, 2> for Gated {
        type State = [FlexTensor; 2];

        fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
            let grad = in_order(grads.consume::<Flex>(&ops.node));
            let [gate, up] = &ops.state;
            let found = rows::gated_back(values(gate), values(up), values(&grad));
            let found = found.map(|values| shaped_like(values, gate));
            register(ops, grads, found);
        }
    }

    #[derive(Debug)]
    struct RmsNorm;

    impl Backward<Flex, 2> for RmsNorm {
        type State = [FlexTensor; 2];

        fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
            let grad = in_order(grads.consume::<Flex>(&ops.node));
            let [x, gain] = &ops.state;
            let [d_x, d_gain] = rows::rms_norm_back(values(x), values(gain), values(&grad));
            let found = [shaped_like(d_x, x), shaped_like(d_gain, gain)];
            register(ops, grads, found);
        }
    }

    #[derive(Debug)]
    struct Split;

    impl Backward<Flex, 1> for Split {
        type State = Heads;

        fn backward(self, ops: Ops<Heads, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            unary::<Flex, _>(ops.parents, ops.node, grads, |grad| Flex::merge(grad, ops.state));
        }
    }

    #[derive(Debug)]
    struct Merge;

    impl Backward<Flex, 1> for Merge {
        type State = Heads;

        fn backward(self, ops: Ops<Heads, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            unary::<Flex, _>(ops.parents, ops.node, grads, |grad| Flex::split(grad, ops.state));
        }
    }

    #[derive(Debug)]
    struct Turn;

    impl Backward<Flex, 1> for Turn {
        type State = ([FlexTensor; 2], Heads);

        fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            let ([cos, sin], heads) = ops.state;
            unary::<Flex, _>(ops.parents, ops.node, grads, |grad| {
                tensor(heads.turn_back(values(&in_order(grad)), values(&cos), values(&sin)), heads.of_rows())
            });
        }
    }

    #[derive(Debug)]
    struct Shares;

    impl Backward<Flex, 1> for Shares {
        type State = (FlexTensor, f32);

        fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            let (shares, scale) = ops.state;
            unary::<Flex, _>(ops.parents, ops.node, grads, |grad| {
                let (mut grad, seq) = owned(grad);
                rows::shares_back(values(&shares), grad.storage_mut(), scale, seq);
                grad
            });
        }
    }

    #[derive(Debug)]
    struct TokenCosts;

    impl Backward<Flex, 1> for TokenCosts {
        type State = (FlexTensor, Vec<(usize, usize)>);

        fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            let (shares, pairs) = ops.state;
            unary::<Flex, _>(ops.parents, ops.node, grads, |grad| {
                let (mut shares, width) = owned(shares);
                rows::token_costs_back(shares.storage_mut(), &pairs, values(&in_order(grad)), width);
                shares
            });
        }
    }

    impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
        fn gated(gate: Tracked<C>, up: Tracked<C>) -> Tracked<C> {
            two::<C, _>(Gated, [gate, up], |gate, up| {
                let state = [in_order(gate), in_order(up)];
                let [gate, up] = state.clone();
                (Flex::gated(gate, up), state)
            })
        }

        fn rms_norm(x: Tracked<C>, gain: Tracked<C>) -> Tracked<C> {
            two::<C, _>(RmsNorm, [x, gain], |x, gain| {
                let state = [in_order(x), in_order(gain)];
                let [x, gain] = state.clone();
                (Flex::rms_norm(x, gain), state)
            })
        }

        fn split(x: Tracked<C>, heads: Heads) -> Tracked<C> {
            one::<C, _>(Split, x, |x| (Flex::split(x, heads), heads))
        }

        fn merge(x: Tracked<C>, heads: Heads) -> Tracked<C> {
            one::<C, _>(Merge, x, |x| (Flex::merge(x, heads), heads))
        }

        fn turn(x: Tracked<C>, cos: Tracked<C>, sin: Tracked<C>, heads: Heads) -> Tracked<C> {
            let [cos, sin] = [cos, sin].map(|table| in_order(table.into_primitive()));
            one::<C, _>(Turn, x, |x| (Flex::turn(x, cos.clone(), sin.clone(), heads), ([cos, sin], heads)))
        }

        fn shares(scores: Tracked<C>, bias: Tracked<C>, scale: f32) -> Tracked<C> {
            let bias = bias.into_primitive();
            one::<C, _>(Shares, scores, |scores| {
                let shares = Flex::shares(scores, bias, scale);
                (shares.clone(), (shares, scale))
            })
        }

        fn token_costs(logits: Tracked<C>, pairs: Vec<(usize, usize)>) -> Tracked<C> {
            one::<C, _>(TokenCosts, logits, |logits| {
                let (mut shares, width) = owned(logits);
                let costs = rows::token_costs(shares.storage_mut(), &pairs, width);
                let n = costs.len();
                (tensor(costs, [n]), (shares, pairs))
            })
        }
    }
}
