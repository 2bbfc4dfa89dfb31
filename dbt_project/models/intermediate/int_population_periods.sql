-- Who belongs to each standing population from which day to which (semantics.md, Populations). A state is in a
-- population on day t when member_from <= t < member_until; the periods of a state never touch.

with

states as (
    select * from {{ ref('stg_states') }}
),

treaty_actions as (
    select * from {{ ref('stg_treaty_actions') }}
),

obligations as (
    select
        iso3,
        kind,
        end_reason,
        deadline,
        ends_on,
        starts_on as open_from,
        coalesce(ends_on, {{ end_of_time() }}) as open_until
    from {{ ref('stg_obligations') }}
),

consents as (
    select distinct
        iso3,
        effective_on
    from treaty_actions
    where action in ({{ consent_actions() }})
),

withdrawals as (
    select
        iso3,
        effective_on
    from treaty_actions
    where action = 'withdrawal'
),

-- a consent holds until the first withdrawal that takes effect after it; periods of two consents that overlap
-- become one below
party_spans as (
    select
        consents.iso3,
        consents.effective_on as member_from,
        coalesce(min(withdrawals.effective_on), {{ end_of_time() }}) as member_until
    from consents
    left join withdrawals
        on
            consents.iso3 = withdrawals.iso3
            and consents.effective_on < withdrawals.effective_on
    group by consents.iso3, consents.effective_on
),

parties as (
    {{ merged_periods('party_spans', ['iso3']) }}
),

-- what lies between the periods of a state party, before the first and after the last
not_party_spans as (
    select
        iso3,
        {{ beginning_of_time() }} as member_from,
        min(member_from) as member_until
    from parties
    group by iso3
    union all
    select
        iso3,
        member_until as member_from,
        coalesce(
            lead(member_from) over (partition by iso3 order by member_from),
            {{ end_of_time() }}
        ) as member_until
    from parties
    union all
    select
        states.iso3,
        {{ beginning_of_time() }} as member_from,
        {{ end_of_time() }} as member_until
    from states
    left join parties on states.iso3 = parties.iso3
    where parties.iso3 is null
),

obligation_spans as (
    select
        case
            when kind = 'victim_assistance' then 'victim_assistance'
            else replace(kind, '_', '')
        end as population,
        iso3,
        open_from,
        open_until
    from obligations
    union all
    select
        'article4_overdue' as population,
        iso3,
        greatest(open_from, {{ add_days('deadline', 1) }}) as open_from,
        open_until
    from obligations
    where
        kind = 'article_4'
        and deadline is not null
    union all
    select
        'article5_completed' as population,
        iso3,
        ends_on as open_from,
        {{ end_of_time() }} as open_until
    from obligations
    where
        kind = 'article_5'
        and end_reason = 'completed'
),

party_obligation_spans as (
    select
        obligation_spans.population,
        obligation_spans.iso3,
        greatest(obligation_spans.open_from, parties.member_from) as member_from,
        least(obligation_spans.open_until, parties.member_until) as member_until
    from obligation_spans
    inner join parties on obligation_spans.iso3 = parties.iso3
),

unions as (
    select 'affected' as population, 'article5' as part
    union all
    select 'affected' as population, 'victim_assistance' as part
    union all
    select 'articles_3_4_5' as population, 'article3' as part
    union all
    select 'articles_3_4_5' as population, 'article4' as part
    union all
    select 'articles_3_4_5' as population, 'article5' as part
    union all
    select 'article5_ever' as population, 'article5' as part
    union all
    select 'article5_ever' as population, 'article5_completed' as part
),

spans as (
    select
        'all_states' as population,
        iso3,
        {{ beginning_of_time() }} as member_from,
        {{ end_of_time() }} as member_until
    from states
    union all
    select
        'states_parties' as population,
        iso3,
        member_from,
        member_until
    from parties
    union all
    select
        'states_not_party' as population,
        iso3,
        member_from,
        member_until
    from not_party_spans
    union all
    select
        population,
        iso3,
        member_from,
        member_until
    from party_obligation_spans
    union all
    select
        unions.population,
        party_obligation_spans.iso3,
        party_obligation_spans.member_from,
        party_obligation_spans.member_until
    from unions
    inner join party_obligation_spans on unions.part = party_obligation_spans.population
)

{{ merged_periods('spans', ['population', 'iso3']) }}
